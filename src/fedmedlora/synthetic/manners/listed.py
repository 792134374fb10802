"""Lines of lists: problems, results, medicines, one a line."""

PATTERNS = """
opening
  Patient: $patient#X, $aged
  Age: $aged, {no carer/carer present}
complaint
  [problem p: $symptom#S] - onset [temporal @p: $since]
  [problem p: $symptom#S] ([severity @p: $severity]), [problem q: $symptom]
  [problem p: $symptom#S], worse [condition @p: $trigger]
negated
  [problem p: $symptom]: [negation @p: no]
  [negation @p @q: Negative]: [problem p: $symptom], [problem q: $symptom]
  [problem p: $sign] - [negation @p: none]
past
  [problem p: $past] - since [temporal @p: {1998-2019}]
  [problem p: $past] / [problem q: $past]
  [treatment t: $operation] ([temporal @t: $ago])
family
  [subject @p: $relative]: [problem p: $past]
  [subject @p: $relative] - [problem p: $diagnosis]
exam
  [problem p: $sign] ([severity @p: $severity])
  [problem p: $sign] - [course @p: $course]
lab
  [test t: $test#t]: [labvalue @t: $value#t] ([reference_range @t: $range#t])
  [test t: $test#t] [labvalue @t: $value#t] - ref [reference_range @t: $range#t]
  [temporal @t: $when] - [test t: $test#t] [labvalue @t: $value#t]
imaging
  [test t: $imaging#i] - [problem p: $shows#i]
  [test t: $imaging#i] ([temporal @t: $when]): [problem p: $shows#i]
  [test t: $imaging#i]: [labvalue @t: {normal/no abnormality}]
doubt
  [problem p: $diagnosis] ([uncertain @p: suspected])
  [problem p: $complication] - [uncertain @p: to be ruled out]
course
  [problem p: $diagnosis#P] - [course @p: $course]
  [problem p: $diagnosis#P] ([course @p: $course])
treats
  [drug d: $drug#A] [strength @d: $strength#A] [frequency @d: $freq#A] - for [problem treats@d: \
$diagnosis#P]
  [drug d: $drug#A] [form @d: $form#A] [frequency @d: $freq#A] (indication: [problem treats@d: \
$diagnosis#P])
effect
  [drug d: $drug#B] - [problem adverse_effect@d: $effect#B]
  Intolerance: [drug d: $drug#B] ([problem p adverse_effect@d: $effect#B], [severity @p: $severity])
causes
  [problem causes@p: $complication] from [problem p: $diagnosis#P]
  [problem p: $diagnosis#P] causing [problem causes@p: $complication]
treatment
  [treatment t: $treatment] - [temporal @t: $when]
  [treatment t: $treatment#T] for [problem treats@t: $diagnosis#P]
withheld
  [drug d: $drug#B] - [negation @d: not to be given]
  [negation @t: No] [treatment t: $treatment]
order
  [drug d: $drug#d] [strength @d: $strength#d] [form @d: $form#d] [dosage @d: $dosage#d] [route \
@d: $route#d] [frequency @d: $freq#d]
  [drug d: $drug#d] [strength @d: $strength#d] [route @d: $route#d] [frequency @d: $freq#d] \
[duration @d: $duration]
  [drug d: $drug#d] [form @d: $form#d] [strength @d: $strength#d], [dosage @d: $dosage#d] \
[frequency @d: $freq#d]
  [drug d: $drug#d] [strength @d: $strength#d] [frequency @d: $freq#d]
mainstay
  [drug d: $drug#A] [strength @d: $strength#A] [form @d: $form#A] [dosage @d: $dosage#A] [route \
@d: $route#A] [frequency @d: $freq#A]
  [drug d: $drug#A] [strength @d: $strength#A] [route @d: $route#A] [frequency @d: $freq#A]
  [drug d: $drug#A] [form @d: $form#A] [strength @d: $strength#A], [frequency @d: $freq#A]
  [drug d: $drug#A] [strength @d: $strength#A] [frequency @d: $freq#A] [duration @d: $duration]
plan
  [test t: $test] [temporal @t: $next]
  [drug d: $drug#A]: continue [duration @d: $duration]
admin
  Next appointment in {2-8} weeks
  Pharmacy informed
  Contact number on file
"""
