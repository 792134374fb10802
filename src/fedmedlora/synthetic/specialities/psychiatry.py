"""Community mental health team in England: interview notes in the words of the patient."""

from fedmedlora.synthetic.layout import Hospital, Section
from fedmedlora.synthetic.manners import charted, dictated

_WORDS = """
age
  {19-67}
aged
  {19-67}; {19-67} years old
oral
  oral; by mouth
tabs
  one tablet; two tablets; half a tablet; one tab
times
  at night; every morning; twice a day; nocte; once daily; mane; in divided doses
stem
  lura; ziva; deso; pali; mirta; vila; tandi; roxi
theme
  persecutory; grandiose; somatic; nihilistic; religious
trigger
  in crowds; when alone; before meetings; after arguments; at work; when leaving the house
  in the early hours
symptom
  anxiety; panic; early waking; poor concentration; irritability; anhedonia; hopelessness
  tearfulness
  racing thoughts; rumination; poor sleep; restlessness; suspiciousness; loss of interest; flashback
sign
  psychomotor retardation; pressured speech; flat affect; thought disorder; agitation
  poor eye contact; [bodyloc @: hand] tremor
  distractibility; self-neglect; labile mood; [bodyloc @: forearm] scarring; $theme delusion
  disinhibition
past
  hypertension; sleep apnoea; irritable bowel
  alcohol dependence; anorexia nervosa; childhood trauma; cannabis misuse; dyslexia; ADHD
  [bodyloc @: head] injury; autism
operation
  gastric bypass; appendicectomy; skin graft; knee arthroscopy; wisdom tooth extraction; \
tonsillectomy
test | value | range
  PHQ-9; GAD-7 | {6-24} | 0-4
  lithium level | {0.3-1.4} mmol/L | 0.6-1.0 mmol/L
  clozapine level | {180-720} ng/mL | 350-600 ng/mL
  MMSE; MoCA | {17-29}/30 | 26-30
  prolactin | {12-96} ng/mL | below 25 ng/mL
imaging | shows
  [bodyloc @: brain] MRI; CT [bodyloc @: head] | [bodyloc @: frontal] atrophy; white matter \
change; old [bodyloc @: temporal] contusion
  EEG; sleep study | [bodyloc @: temporal] slowing; fragmented sleep; generalised slowing
  urine drug screen | cannabis use; benzodiazepine use; amphetamine use
drug | strength | effect | form=tablet | route=$oral | dosage=$tabs | freq=$times
  zopiclone; ${stem}clone | 3.75 mg; 7.5 mg | metallic taste; daytime drowsiness
  promethazine; hydroxyzine | 10 mg; 25 mg | grogginess
  melatonin | 2 mg; 3 mg | vivid dreaming
  lorazepam; ${stem}zepam | 0.5 mg; 1 mg | sedation; forgetfulness
  diazepam | 2 mg; 5 mg | sedation; repeated falling

== mood
diagnosis
  depression; major depressive disorder; dysthymia; bipolar disorder
  recurrent depressive disorder; hypomania
complication
  self-harm; suicidal ideation; social withdrawal; weight gain; job loss anxiety
treatment
  cognitive behavioural therapy; ECT; behavioural activation; interpersonal therapy; light therapy
  mindfulness group
drug | strength | effect | form=tablet; capsule | route=$oral | dosage=$tabs | freq=$times
  sertraline | 50 mg; 100 mg | nausea on waking; jitteriness
  citalopram; fluoxetine; paroxetine; ${stem}oxetine | 10 mg; 20 mg; 40 mg | sexual dysfunction; \
agitation
  mirtazapine | 15 mg; 30 mg | weight gain; morning grogginess
  trazodone; ${stem}zodone | 50 mg; 150 mg | postural faintness
  venlafaxine | 37.5 mg; 75 mg | sweating; withdrawal dizziness
  duloxetine | 30 mg; 60 mg | sweating; bowel upset
  lithium carbonate | 200 mg; 400 mg | fine tremor; polyuria
  lamotrigine | 25 mg; 100 mg | widespread rash
  sodium valproate | 300 mg; 500 mg | hair thinning; raised ammonia

== psychosis
diagnosis
  schizophrenia; schizoaffective disorder; first-episode psychosis; paranoid schizophrenia
  delusional disorder; drug-induced psychosis
complication
  catatonia; homelessness-related self-neglect; auditory hallucination; $theme belief; polydipsia
treatment
  family therapy; psychoeducation; supported employment; early intervention programme; art therapy
drug | strength | effect | form=tablet; orodispersible tablet | route=$oral | dosage=$tabs | \
freq=$times
  olanzapine; ${stem}pine | 5 mg; 10 mg | weight gain; sleepiness
  quetiapine | 50 mg; 200 mg | postural faintness; weight gain
  clozapine | 25 mg; 100 mg | hypersalivation; agranulocytosis
  risperidone; ${stem}peridone | 1 mg; 2 mg; 4 mg | rigidity; raised prolactin
  aripiprazole; ${stem}piprazole | 5 mg; 10 mg | akathisia; restless feet
drug | strength | effect | form=depot | route=IM; intramuscular | dosage=one depot | freq=every \
four weeks; fortnightly
  haloperidol; flupentixol | 50 mg; 100 mg | acute dystonia; [bodyloc @: jaw] stiffness
  zuclopenthixol; paliperidone | 100 mg; 200 mg | slowed movement; breast discharge

== anxiety
diagnosis
  generalised anxiety disorder; panic disorder; social phobia; post-traumatic stress disorder
  obsessive compulsive disorder; agoraphobia; health anxiety
complication
  school avoidance; alcohol misuse; low self-esteem; skin picking; dissociation
treatment
  exposure therapy; EMDR; guided self-help; counselling; relaxation training; response prevention
drug | strength | effect | form=tablet; capsule | route=$oral | dosage=$tabs | freq=$times
  escitalopram; ${stem}pram | 5 mg; 10 mg | dry eyes; yawning
  clomipramine | 25 mg; 75 mg | bruxism; urinary hesitancy
  pregabalin; ${stem}gabalin | 75 mg; 150 mg | unsteadiness; blurred thinking
  buspirone; ${stem}spirone | 5 mg; 10 mg | light-headedness
  propranolol | 10 mg; 40 mg | vivid dreams; cold hands
"""

_INTERVIEW = (
    Section("Presenting complaint\n", dictated.PATTERNS, "complaint negated|family|past"),
    Section("Medication and treatment\n", dictated.PATTERNS, "treats|effect withheld|treatment?"),
    Section("Mental state\n", charted.PATTERNS, "exam lab|imaging|negated?"),
    Section("Impression and plan\n", charted.PATTERNS, "doubt|causes|course plan|order admin?"),
)
_KEYWORKER = (
    Section("CPN visit. ", charted.PATTERNS, "admin complaint family|negated?"),
    Section("MSE: ", charted.PATTERNS, "exam course|causes|past"),
    Section("Plan: ", charted.PATTERNS, "treats|effect|order withheld? treatment|lab|plan"),
)
HOSPITAL = Hospital("psychiatry", _WORDS, (_INTERVIEW, _KEYWORKER))
