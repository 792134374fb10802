"""A letter spoken to a typist, from one doctor to another."""

PATTERNS = """
opening
  Thank you for referring this $age-year-old $patient#X.
  I had the pleasure of seeing your $age-year-old patient in clinic today.
  I reviewed this $age-year-old $patient#X together with our nurse specialist.
complaint
  $he#X tells me that $he#X has had [problem p: $symptom#S] [temporal @p: $since].
  $his#X main concern is [course @p: $course] [problem p: $symptom#S], which comes on [condition \
@p: $trigger].
  As you know, $he#X has suffered from [problem p: [severity @p: $severity] $symptom#S] [temporal \
@p: $since].
  $he#X describes [problem p: $symptom#S] and also some [problem q: $symptom] [condition @q: \
$trigger].
negated
  $he#X tells me there has been [negation @p: no] [problem p: $symptom].
  I am pleased to say that $he#X has had [negation @p @q: neither] [problem p: $symptom] nor \
[problem q: $symptom].
  I could [negation @p: not] find any [problem p: $sign].
  $he#X does [negation @p: not] complain of [problem p: $symptom].
past
  You will recall that $he#X has [problem p: $past], first noted [temporal @p: $ago].
  $his#X background is of [problem p: $past] and [problem q: $past].
  $he#X had a [treatment t: $operation] [temporal @t: $ago], and $he#X also has [problem p: $past].
family
  Of note, $his#X [subject @p: $relative] was diagnosed with [problem p: $diagnosis] [temporal \
@p: $ago].
  $his#X [subject @p: $relative] also suffers from [problem p: $past].
  I understand that [problem p: $diagnosis] runs on the side of $his#X [subject @p: $relative].
exam
  When I examined $him#X I found [problem p: $sign].
  On examination today I noted [problem p: [severity @p: $severity] $sign] together with [problem \
q: $sign].
  There remains some [problem p: $sign], which is [course @p: $course].
lab
  $his#X most recent [test t: $test#t] came back at [labvalue @t: $value#t], our range being \
[reference_range @t: $range#t].
  I checked [test t: $test#t] [temporal @t: $when] and it was [labvalue @t: $value#t].
  The [test t: $test#t] stands at [labvalue @t: $value#t] and the [test u: $test#u] at [labvalue \
@u: $value#u].
imaging
  I have reviewed $his#X [test t: $imaging#i], which shows [problem p: $shows#i].
  The [test t: $imaging#i] [temporal @t: $when] has been reported as showing [problem p: \
$shows#i] and [problem q: $sign].
  Reassuringly the [test t: $imaging#i] is [labvalue @t: {normal/clear}], with [negation @p: no \
evidence of] [problem p: $shows#i].
  The [test t: $imaging#i] confirmed [problem p: [severity @p: $severity] $shows#i].
doubt
  I [uncertain @p: wonder whether] this might be [problem p: $diagnosis].
  My feeling is that this is [uncertain @p: most likely] [problem p: $diagnosis].
  [problem p: $complication] is [uncertain @p: a possibility] here.
  I [uncertain @p: suspect] [problem p: $diagnosis].
course
  $his#X [problem p: $symptom#S] seems to me to be [course @p: $course].
  I am glad that the [problem p: $diagnosis#P] is [course @p: $course].
  Overall the [problem p: $symptom#S] has been [course @p: $course] [temporal @p: $since].
treats
  I have started $him#X on [drug d: $drug#A], [strength @d: $strength#A] [frequency @d: $freq#A], \
for the [problem treats@d: $diagnosis#P].
  For [problem p treats@d: $diagnosis#P] $he#X is now receiving [drug d: $drug#A] [route @d: \
$route#A].
  $his#X [problem p treats@d: $diagnosis#P] has responded to [drug d: $drug#A], which $he#X took \
[duration @d: $duration].
effect
  Unfortunately [drug d: $drug#B] gave $him#X [problem p adverse_effect@d: [severity @p: \
$severity] $effect#B].
  $he#X could not tolerate [drug d: $drug#B] on account of [problem adverse_effect@d: $effect#B].
  We had tried [drug d: $drug#B] [temporal @d: $when]. Sadly $he#X then suffered [problem \
adverse_effect@d: $effect#B].
causes
  I think that the [problem causes@p: $complication] is a consequence of $his#X [problem p: \
$diagnosis#P].
  $his#X [problem p: $diagnosis#P] has unfortunately resulted in [problem causes@p: $complication].
treatment
  $he#X went on to have [treatment t: $treatment] [temporal @t: $when].
  We have offered $him#X [treatment t: $treatment#T] for the [problem treats@t: $diagnosis#P].
  $he#X tolerated [treatment t: $treatment] well.
withheld
  We have decided [negation @t: against] [treatment t: $treatment] for the time being.
  $he#X would [negation @t: rather not] have [treatment t: $treatment].
  $he#X is [negation @d: no longer] on [drug d: $drug#B].
  I have [negation @t: not] requested [test t: $test].
order
  I would be grateful if you could prescribe [drug d: $drug#A] [form @d: $form#A], [dosage @d: \
$dosage#A] [frequency @d: $freq#A].
  $he#X remains on [drug d: $drug#d] [strength @d: $strength#d] and [drug e: $drug#e] [strength \
@e: $strength#e], both [frequency @d @e: $times].
  Please would you continue [drug d: $drug#A] [route @d: $route#A] [duration @d: $duration].
plan
  I have asked $him#X to call us should $he#X notice [problem p: $symptom] [condition @p: $trigger].
  We shall repeat the [test t: $test] [temporal @t: $next].
  I plan to continue [drug d: $drug#A] [duration @d: $duration] and then reassess.
admin
  $he#X came to clinic with $his#X {sister/neighbour/daughter/partner} today.
  I have sent a copy of this letter to the patient.
  $he#X is looking forward to a holiday in {Spain/Portugal/Wales}.
  I will see $him#X again in {2-6} months.
  I discussed all of this with $him#X at some length.
"""
