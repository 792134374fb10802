"""Fragments without verbs, as typed at a triage desk."""

PATTERNS = """
opening
  $aged $patient#X.
  $aged $patient#X, arrived by {ambulance/car/bus}.
  $aged $patient#X, walked in.
complaint
  c/o [problem p: $symptom#S] x [temporal @p: {2-9} days].
  [problem p: $symptom#S] [temporal @p: $since], [severity @p: $severity].
  pt w/ [course @p: $course] [problem p: $symptom#S], [condition @p: $trigger].
  [problem p: $symptom#S] + [problem q: $symptom] [temporal @p @q: $since].
negated
  [negation @p: no] [problem p: $symptom], [negation @q: no] [problem q: $symptom].
  [negation @p @q: denies] [problem p: $symptom] / [problem q: $symptom].
  [problem p: $symptom]: [negation @p: nil].
  [negation @p: w/o] [problem p: $sign].
past
  hx [problem p: $past], [problem q: $past].
  PMH: [problem p: $past] [temporal @p: $ago], s/p [treatment t: $operation].
  known [problem p: $past].
family
  FHx: [subject @p: $relative] - [problem p: $past].
  [problem p: $diagnosis] ([subject @p: $relative]).
exam
  o/e [problem p: $sign], [problem q: $sign].
  [problem p: $sign] [severity @p: $severity].
  + [problem p: $sign], [course @p: $course].
lab
  [test t: $test#t] [labvalue @t: $value#t] (N [reference_range @t: $range#t]).
  [test t: $test#t] [labvalue @t: $value#t], [test u: $test#u] [labvalue @u: $value#u].
  [temporal @t: $when] [test t: $test#t] = [labvalue @t: $value#t].
imaging
  [test t: $imaging#i] -> [problem p: $shows#i].
  [test t: $imaging#i]: [problem p: $shows#i].
  [test t: $imaging#i] [labvalue @t: {NAD/neg/normal}].
doubt
  [uncertain @p: ?] [problem p: $diagnosis].
  [uncertain @p: query] [problem p: $complication].
  r/o [uncertain @p: poss] [problem p: $diagnosis].
course
  [problem p: $symptom#S] [course @p: $course].
  [problem p: $diagnosis#P] - [course @p: $course].
treats
  [drug d: $drug#A] [strength @d: $strength#A] [route @d: $route#A] given for [problem treats@d: \
$diagnosis#P].
  on [drug d: $drug#A] [frequency @d: $freq#A] for [problem treats@d: $diagnosis#P].
  [problem p treats@d: $diagnosis#P] -> [drug d: $drug#A] [duration @d: $duration].
effect
  [drug d: $drug#B] -> [problem adverse_effect@d: $effect#B].
  allergy: [drug d: $drug#B] ([problem p adverse_effect@d: [severity @p: $severity] $effect#B]).
  [problem adverse_effect@d: $effect#B] after [drug d: $drug#B].
causes
  [problem causes@p: $complication] 2/2 [problem p: $diagnosis#P].
  [problem p: $diagnosis#P] c/b [problem causes@p: $complication].
treatment
  s/p [treatment t: $treatment] [temporal @t: $when].
  [treatment t: $treatment#T] for [problem treats@t: $diagnosis#P].
  needs [treatment t: $treatment].
withheld
  [negation @d: not on] [drug d: $drug#B].
  [treatment t: $treatment] [negation @t: not] required.
  [negation @t: no] [test t: $test] today.
order
  [drug d: $drug#d] [strength @d: $strength#d] [route @d: $route#d] [frequency @d: $freq#d].
  d/c w/ [drug d: $drug#A] [form @d: $form#A] [frequency @d: $freq#A] [duration @d: $duration].
  [dosage @d: $dosage#d] [drug d: $drug#d] given.
plan
  back if [problem p: $symptom] [condition @p: $trigger].
  rpt [test t: $test] [temporal @t: $next].
  cont [drug d: $drug#A] [duration @d: $duration].
admin
  family aware.
  bed {2-30}, seen {8-19}:{10-59}.
  lives alone, independent.
  wristband on, belongings with pt.
"""
