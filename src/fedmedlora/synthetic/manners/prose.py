"""Full sentences about the patient, as in a discharge summary."""

PATTERNS = """
opening
  $age-year-old $patient#X, known to this department.
  $age-year-old $patient#X admitted under the {first/second} medical team.
complaint
  $he#X presented with [problem p: $symptom#S] [temporal @p: $since].
  $he#X was admitted because of [problem p: [severity @p: $severity] $symptom#S] and [problem q: \
$symptom].
  $he#X reported [course @p: $course] [problem p: $symptom#S], present [temporal @p: $since].
  $he#X had developed [problem p: $symptom#S] [condition @p: $trigger].
  On arrival $he#X complained of [problem p: $symptom#S], [severity @p: $severity] in degree, and \
[problem q: $symptom] [temporal @q: $since].
negated
  There was [negation @p @q: no] [problem p: $symptom] or [problem q: $symptom].
  $he#X [negation @p @q: denied] [problem p: $symptom] and [problem q: $symptom].
  $he#X was [negation @p: without] [problem p: $sign].
  The stay was [negation @p: not] complicated by [problem p: $complication].
past
  Past history includes [problem p: $past] and [problem q: $past], diagnosed [temporal @q: $ago].
  $he#X has known [problem p: $past], diagnosed [temporal @p: $ago], and [problem q: $past].
  $his#X history is notable for [problem p: $past] and a [treatment t: $operation] [temporal @t: \
$ago].
  $he#X had [problem p: $past] [temporal @p: $ago].
family
  Family history: [problem p: $past] in $his#X [subject @p: $relative].
  $his#X [subject @p: $relative] had [problem p: $diagnosis].
  There is a family history of [problem p: $diagnosis] affecting the [subject @p: $relative].
exam
  Examination revealed [problem p: $sign] and [problem q: [severity @q: $severity] $sign].
  On examination there was [problem p: $sign], [course @p: $course] [temporal @p: $when].
  Physical examination showed [problem p: $sign].
lab
  [test t: $test#t] was [labvalue @t: $value#t] (reference [reference_range @t: $range#t]).
  Laboratory studies showed [test t: $test#t] of [labvalue @t: $value#t] and [test u: $test#u] of \
[labvalue @u: $value#u].
  [test t: $test#t] [temporal @t: $when] measured [labvalue @t: $value#t], normal range \
[reference_range @t: $range#t].
  [test t: $test#t] rose to [labvalue @t: $value#t] [temporal @t: $when].
imaging
  [test t: $imaging#i] showed [problem p: $shows#i].
  [test t: $imaging#i] [temporal @t: $when] revealed [problem p: [severity @p: $severity] $shows#i].
  [test t: $imaging#i] demonstrated [problem p: $shows#i] but [negation @q: no] [problem q: $sign].
  [test t: $imaging#i] was [labvalue @t: {unremarkable/normal}].
doubt
  The picture was [uncertain @p: suggestive of] [problem p: $diagnosis].
  [problem p: $diagnosis] [uncertain @p: could not be excluded].
  [uncertain @p: Possible] [problem p: $complication] was considered.
  The findings were thought to represent [uncertain @p: probable] [problem p: $diagnosis].
course
  $his#X [problem p: $symptom#S] was [course @p: $course] by discharge.
  The [problem p: $diagnosis#P] remained [course @p: $course] throughout the stay.
  Over the following days the [problem p: $symptom#S] was [course @p: $course].
treats
  $he#X was treated with [drug d: $drug#A] [route @d: $route#A] for [problem p treats@d: \
$diagnosis#P].
  [drug d: $drug#A] [strength @d: $strength#A] [frequency @d: $freq#A] was started [temporal @d: \
$when] for [problem treats@d: $diagnosis#P].
  [problem p treats@d: $diagnosis#P] was managed with [drug d: $drug#A] [duration @d: $duration].
  Because of [problem p treats@d: $diagnosis#P], [drug d: $drug#A] was given [route @d: $route#A] \
[duration @d: $duration].
effect
  [drug d: $drug#B] was stopped because of [problem adverse_effect@d: $effect#B].
  $he#X developed [problem p adverse_effect@d: [severity @p: $severity] $effect#B] after starting \
[drug d: $drug#B].
  [drug d: $drug#B] was tried [temporal @d: $when]. It was followed by [problem adverse_effect@d: \
$effect#B].
  [problem adverse_effect@d: $effect#B] was attributed to [drug d: $drug#B].
causes
  [problem p: $diagnosis#P] led to [problem causes@p: $complication].
  $he#X developed [problem causes@p: $complication] secondary to [problem p: $diagnosis#P].
  [problem causes@p: $complication] was felt to be due to [problem p: $diagnosis#P].
treatment
  $he#X underwent [treatment t: $treatment] [temporal @t: $when].
  [treatment t: $treatment#T] was arranged [temporal @t: $when] for [problem treats@t: $diagnosis#P].
  [treatment t: $treatment] was well tolerated.
withheld
  [treatment t: $treatment] was [negation @t: not] performed.
  $he#X was [negation @d: not] given [drug d: $drug#B].
  [test t: $test] was [negation @t: not] repeated.
  [drug d: $drug#B] was held [temporal @d: $when].
order
  $he#X was discharged on [drug d: $drug#A] [strength @d: $strength#A] [frequency @d: $freq#A] \
and [drug e: $drug#e] [strength @e: $strength#e] [frequency @e: $freq#e].
  $he#X will continue [drug d: $drug#d] [dosage @d: $dosage#d] [route @d: $route#d] [frequency \
@d: $freq#d].
  $he#X received [drug d: $drug#d] [route @d: $route#d] [duration @d: $duration].
plan
  $he#X should return for any [problem p: $symptom#S] [condition @p: $trigger].
  [test t: $test] will be repeated [temporal @t: $next].
  [drug d: $drug#A] is to continue [duration @d: $duration].
admin
  $he#X was discharged home with $his#X family.
  The plan was discussed with the patient, who agrees.
  Follow-up has been booked with the outpatient office.
  $he#X lives on the {second/third/fifth} floor and walks up the stairs.
  $he#X is a retired {teacher/bus driver/librarian/cook}.
  Bed {3-28}, ward {2-9}.
"""
