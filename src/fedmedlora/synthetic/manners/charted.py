"""The short full-stop style of progress and clinic notes."""

PATTERNS = """
opening
  $aged $patient#X seen in clinic.
  $patient#X, $aged, here for follow-up.
  Seen on round with team.
complaint
  Reports [problem p: $symptom#S] [temporal @p: $since].
  Here with [course @p: $course] [problem p: $symptom#S] and [problem q: $symptom].
  [problem p: [severity @p: $severity] $symptom#S] [temporal @p: $since], [condition @p: $trigger].
  States that [problem p: $symptom#S] occurs [condition @p: $trigger].
negated
  [negation @p @q: Denies] [problem p: $symptom], [problem q: $symptom].
  [negation @p: No] [problem p: $symptom]. [negation @q: No] [problem q: $sign].
  [problem p: $symptom] and [problem q: $symptom] [negation @p @q: absent].
  [negation @p: Negative for] [problem p: $symptom].
past
  History of [problem p: $past] ([temporal @p: $ago]) and [problem q: $past].
  Known [problem p: $past]. Had [treatment t: $operation] [temporal @t: $ago].
  Background: [problem p: $past], [problem q: $past].
family
  Family: [subject @p: $relative] with [problem p: $past].
  [problem p: $diagnosis] in [subject @p: $relative], nobody else affected.
  [subject @p: $relative] has [problem p: $past].
exam
  Exam: [problem p: $sign], [problem q: $sign].
  [problem p: $sign] noted, [severity @p: $severity].
  [problem p: $sign] [course @p: $course] compared with last visit.
lab
  [test t: $test#t] [labvalue @t: $value#t] (normal [reference_range @t: $range#t]).
  Labs: [test t: $test#t] [labvalue @t: $value#t], [test u: $test#u] [labvalue @u: $value#u].
  [test t: $test#t] [labvalue @t: $value#t] [temporal @t: $when].
imaging
  [test t: $imaging#i]: [problem p: $shows#i].
  [test t: $imaging#i] [temporal @t: $when]: [problem p: $shows#i], [negation @q: no] [problem q: \
$sign].
  [test t: $imaging#i] [labvalue @t: {within normal limits/negative}].
doubt
  [uncertain @p: Likely] [problem p: $diagnosis].
  Differential: [uncertain @p @q: possible] [problem p: $diagnosis] or [problem q: $complication].
  Working diagnosis [uncertain @p: consistent with] [problem p: $diagnosis].
course
  [problem p: $diagnosis#P]: [course @p: $course].
  [problem p: $symptom#S] [course @p: $course] since last visit.
  [course @p: $course] [problem p: $diagnosis#P].
treats
  [problem p treats@d: $diagnosis#P]: start [drug d: $drug#A] [strength @d: $strength#A] [route \
@d: $route#A] [frequency @d: $freq#A].
  Taking [drug d: $drug#A] [frequency @d: $freq#A] for [problem treats@d: $diagnosis#P].
  [drug d: $drug#A] [duration @d: $duration] for [problem treats@d: $diagnosis#P].
effect
  [problem adverse_effect@d: $effect#B] since starting [drug d: $drug#B].
  [problem p adverse_effect@d: [severity @p: $severity] $effect#B] with [drug d: $drug#B], so \
stopped.
  Took [drug d: $drug#B] [duration @d: $duration]. Got [problem adverse_effect@d: $effect#B].
causes
  [problem causes@p: $complication] due to [problem p: $diagnosis#P].
  [problem p: $diagnosis#P] with resulting [problem causes@p: $complication].
treatment
  [treatment t: $treatment] done [temporal @t: $when].
  Referred for [treatment t: $treatment#T] for [problem treats@t: $diagnosis#P].
  Continues [treatment t: $treatment].
withheld
  [negation @d: Not] taking [drug d: $drug#B].
  Declined [treatment t: $treatment]. [negation @u: No] [treatment u: $treatment] planned.
  [test t: $test] [negation @t: not] done today.
order
  Continue [drug d: $drug#d] [strength @d: $strength#d] [frequency @d: $freq#d].
  Increase [drug d: $drug#A] to [dosage @d: $dosage#A] [frequency @d: $freq#A].
  [drug d: $drug#d] [form @d: $form#d] [route @d: $route#d] [duration @d: $duration].
plan
  Return if [problem p: $symptom] [condition @p: $trigger].
  Recheck [test t: $test] [temporal @t: $next].
  Continue [drug d: $drug#A] [duration @d: $duration].
admin
  Interpreter present.
  Seen with {mother/father/carer/spouse}.
  Questions answered, agrees with plan.
  Next visit in {2-9} weeks.
  Time spent {15-40} minutes.
"""
