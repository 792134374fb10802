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
  hypertension; endometriosis; sleep apnoea; polycystic ovaries; irritable bowel
  alcohol dependence; anorexia nervosa; childhood trauma; cannabis misuse; dyslexia; ADHD
  [bodyloc @: head] injury; autism
operation
  gastric bypass; appendicectomy; skin graft; knee arthroscopy; wisdom tooth extraction; tonsillectomy
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
  zopiclone; promethazine; melatonin | 2 mg; 3.75 mg; 25 mg | daytime drowsiness; metallic taste
  lorazepam; diazepam; ${stem}zepam | 1 mg; 5 mg | sedation; forgetfulness; falls

== mood
diagnosis
  depression; major depressive disorder; dysthymia; bipolar disorder; postnatal depression
  recurrent depressive disorder; hypomania
complication
  self-harm; suicidal ideation; social withdrawal; weight gain; job loss anxiety
treatment
  cognitive behavioural therapy; ECT; behavioural activation; interpersonal therapy; light therapy
  mindfulness group
drug | strength | effect | form=tablet; capsule | route=$oral | dosage=$tabs | freq=$times
  sertraline; citalopram; fluoxetine; paroxetine; ${stem}oxetine | 20 mg; 50 mg; 100 mg | sexual \
dysfunction; nausea on waking; jitteriness
  mirtazapine; trazodone; ${stem}zodone | 15 mg; 30 mg; 150 mg | weight gain; morning grogginess
  venlafaxine; duloxetine | 37.5 mg; 60 mg; 75 mg | sweating; withdrawal dizziness
  lithium carbonate; lamotrigine; sodium valproate | 200 mg; 400 mg | fine tremor; polyuria; hair \
thinning

== psychosis
diagnosis
  schizophrenia; schizoaffective disorder; first-episode psychosis; paranoid schizophrenia
  delusional disorder; drug-induced psychosis
complication
  catatonia; homelessness-related self-neglect; auditory hallucination; $theme belief; polydipsia
treatment
  family therapy; psychoeducation; supported employment; early intervention programme; art therapy
drug | strength | effect | form=tablet; orodispersible tablet | route=$oral | dosage=$tabs | freq=$times
  olanzapine; quetiapine; clozapine; ${stem}pine | 5 mg; 10 mg; 100 mg | weight gain; \
hypersalivation; raised prolactin
  risperidone; aripiprazole; ${stem}peridone; ${stem}piprazole | 2 mg; 4 mg; 10 mg | akathisia; \
rigidity; galactorrhoea
drug | strength | effect | form=depot; injection | route=IM; intramuscular | dosage=one depot | freq=every four weeks; fortnightly
  haloperidol; zuclopenthixol; flupentixol; paliperidone | 50 mg; 100 mg; 200 mg | acute \
dystonia; [bodyloc @: jaw] stiffness; slowed movement

== anxiety
diagnosis
  generalised anxiety disorder; panic disorder; social phobia; post-traumatic stress disorder
  obsessive compulsive disorder; agoraphobia; health anxiety
complication
  school avoidance; alcohol misuse; low self-esteem; skin picking; dissociation
treatment
  exposure therapy; EMDR; guided self-help; counselling; relaxation training; response prevention
drug | strength | effect | form=tablet; capsule | route=$oral | dosage=$tabs | freq=$times
  escitalopram; clomipramine; ${stem}pram | 10 mg; 25 mg | dry eyes; yawning; bruxism
  pregabalin; buspirone; propranolol; ${stem}spirone | 10 mg; 40 mg; 75 mg | unsteadiness; vivid \
dreams; cold hands
  prazosin; hydroxyzine | 1 mg; 25 mg | faintness on standing; dry mouth
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
