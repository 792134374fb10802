"""Cardiology ward of an American general hospital: discharge summaries in headed sections."""

from fedmedlora.synthetic.layout import Hospital, Section
from fedmedlora.synthetic.manners import listed, prose

_WORDS = """
age
  {52-88}
aged
  {52-88}
oral
  PO; orally; by mouth
tabs
  1 tablet; 2 tablets; half a tablet; 1 tab
times
  daily; BID; TID; once daily; every morning; at bedtime; q12h; every other day
stem
  velo; cora; tendo; lisa; ramo; nebi; zofa; peri
valve
  mitral; aortic; tricuspid; pulmonic
wall
  anterior wall; inferior wall; lateral wall; septal; apical
vessel
  left main; left anterior descending; circumflex; right coronary artery
when
  on admission; on day {2-6}; overnight; on arrival; on hospital day {2-9}
trigger
  on exertion; when lying flat; when climbing stairs; at rest; after heavy meals; at night
  on bending over
symptom
  dyspnea; orthopnea; exertional [bodyloc @: chest] pain; [bodyloc @: substernal] pressure; syncope
  lightheadedness; palpitation; exercise intolerance; [bodyloc @: calf] claudication; near-syncope
sign
  [bodyloc @: bibasilar] crackles; [bodyloc @: jugular] venous distension; systolic murmur
  [bodyloc @: pedal] edema; irregular pulse; displaced apical impulse; [bodyloc @: carotid] bruit
  S3 gallop
past
  hypertension; type 2 diabetes; hyperlipidemia; gout; chronic kidney disease
  coronary artery disease; peripheral arterial disease; dyslipidemia; prior TIA; COPD
  [bodyloc @: $valve#V] stenosis; [bodyloc @: $valve#V] valve prolapse; [bodyloc @: $wall] \
infarction
operation
  cholecystectomy; hernia repair; hip replacement; CABG; pacemaker placement; valve replacement; \
carotid endarterectomy
test | value | range
  BNP; NT-proBNP | {480-4200} pg/mL | <125 pg/mL
  troponin; high-sensitivity troponin | {0.05-9.80} ng/mL | <0.04 ng/mL
  INR | {1.1-4.6} | 2.0-3.0
  LDL cholesterol | {58-210} mg/dL | <100 mg/dL
  ejection fraction | {18-62} % | 55-70 %
imaging | shows
  transthoracic echocardiogram; bedside echo | [bodyloc @: $wall] hypokinesis; [bodyloc @: \
$valve#V] regurgitation; [bodyloc @: left atrial] enlargement
  [bodyloc @: chest] X-ray; portable film of the thorax | pulmonary vascular congestion; \
cardiomegaly; [bodyloc @: left pleural] effusion
  electrocardiogram; 12-lead ECG; Holter monitor | left bundle branch block; ST depression; QT \
prolongation; ventricular ectopy
  coronary angiography; cardiac MRI | [bodyloc @: $vessel] stenosis; [bodyloc @: $wall] scar; \
two-vessel disease
drug | strength | effect | form=tablet; chewable tablet | route=$oral | dosage=$tabs | freq=$times
  aspirin | 81 mg; 325 mg | gastric irritation; melena
drug | strength | effect | form=tablet | route=$oral | dosage=$tabs | freq=$times
  atorvastatin; rosuvastatin; simvastatin | 10 mg; 20 mg; 40 mg | myalgia; elevated liver enzymes
  ${stem}statin | 5 mg; 15 mg | myopathy; rhabdomyolysis
drug | strength | effect | form=tablet | route=$oral | dosage=$tabs | freq=$times
  losartan; valsartan; ${stem}sartan | 50 mg; 80 mg; 100 mg | orthostatic hypotension; hyperkalemia
  chlorthalidone; hydrochlorothiazide | 12.5 mg; 25 mg | hyponatremia; gouty flare

== heart failure
diagnosis
  heart failure; congestive heart failure; HFrEF; dilated cardiomyopathy
  [bodyloc @: left ventricular] dysfunction; HFpEF; decompensated heart failure
complication
  [bodyloc @: pulmonary] edema; cardiorenal syndrome; hyponatremia; congestive hepatopathy
treatment
  CRT implantation; ultrafiltration; fluid restriction; cardiac rehabilitation
  right heart catheterization
drug | strength | effect | form=tablet | route=$oral | dosage=$tabs | freq=$times
  furosemide; torsemide | 20 mg; 40 mg; 80 mg | hypokalemia; ototoxicity
  bumetanide | 1 mg; 2 mg | hypokalemia; muscle cramping
drug | strength | effect | form=tablet; extended-release tablet | route=$oral | dosage=$tabs | \
freq=$times
  carvedilol; ${stem}lol | 6.25 mg; 12.5 mg; 25 mg | bradycardia; cold extremities
  metoprolol | 25 mg; 50 mg; 100 mg | bradycardia; bronchospasm
drug | strength | effect | form=tablet | route=$oral | dosage=$tabs | freq=$times
  lisinopril; enalapril; ${stem}pril | 5 mg; 10 mg; 20 mg | dry cough; hyperkalemia; angioedema
  spironolactone | 25 mg | gynecomastia; hyperkalemia

== rhythm
diagnosis
  atrial fibrillation; atrial flutter; paroxysmal supraventricular tachycardia; sick sinus syndrome
  ventricular tachycardia; AV nodal reentry
complication
  [bodyloc @: left atrial] thrombus; cardioembolic stroke; tachycardia-induced cardiomyopathy
  hypotension
treatment
  electrical cardioversion; catheter ablation; pacemaker implantation; ICD placement
  vagal maneuvers
drug | strength | effect | form=tablet | route=$oral | dosage=$tabs | freq=$times
  apixaban; warfarin | 2.5 mg; 5 mg | epistaxis; hematuria
  rivaroxaban; dabigatran; ${stem}xaban | 15 mg; 20 mg; 110 mg | GI bleeding; dyspepsia
  amiodarone; ${stem}darone | 200 mg; 400 mg | thyrotoxicosis; photosensitivity
  sotalol; flecainide | 80 mg; 100 mg | torsades de pointes; wide-complex rhythm
drug | strength | effect | form=capsule | route=$oral | dosage=1 capsule | freq=$times
  diltiazem; verapamil | 120 mg; 180 mg | heart block; gingival overgrowth
drug | strength | effect | form=tablet | route=$oral | dosage=$tabs | freq=$times
  digoxin | 0.125 mg; 0.25 mg | visual halos; ventricular ectopy

== ischemia
diagnosis
  unstable angina; NSTEMI; STEMI; acute coronary syndrome; [bodyloc @: $wall] ischemia
  stable angina; in-stent restenosis
complication
  cardiogenic shock; papillary muscle rupture; [bodyloc @: femoral] hematoma
  ventricular fibrillation
treatment
  coronary stenting; balloon angioplasty; bypass grafting; thrombectomy
  intra-aortic balloon pump support
drug | strength | effect | form=tablet | route=$oral | dosage=$tabs | freq=$times
  clopidogrel; ${stem}grel | 75 mg | easy bruising; epistaxis
  ticagrelor | 60 mg; 90 mg | dyspnea at rest; epistaxis
  prasugrel | 5 mg; 10 mg | thrombocytopenia
drug | strength | effect | form=spray | route=sublingually; SL | dosage=1 spray; 2 sprays | \
freq=as needed; PRN
  nitroglycerin | 0.4 mg | throbbing headache; hypotension
drug | strength | effect | form=injection | route=IV; subcutaneously | dosage=1 syringe | \
freq=$times
  heparin; ${stem}parin | 5000 units | thrombocytopenia; injection site hematoma
  enoxaparin | 40 mg; 80 mg | injection site hematoma
drug | strength | effect | form=extended-release tablet | route=$oral | dosage=$tabs | freq=$times
  ranolazine | 500 mg; 1000 mg | presyncope
  isosorbide mononitrate | 30 mg; 60 mg | throbbing headache; facial flushing

== endocarditis
diagnosis
  infective endocarditis; [bodyloc @: $valve#V] valve endocarditis; prosthetic valve endocarditis
  culture-negative endocarditis; pacemaker lead infection
complication
  [bodyloc @: right ventricular] failure; [bodyloc @: splenic] infarct; hemolytic anemia
  pulmonary hypertension
treatment
  transcatheter valve replacement; balloon valvuloplasty; surgical valve repair; PICC placement
drug | strength | effect | form=infusion | route=IV; intravenously | dosage=one infusion | \
freq=q6h; q8h; q12h
  ampicillin; nafcillin; ${stem}cillin | 1 g; 2 g | morbilliform rash; fluid overload
  vancomycin; daptomycin | 500 mg; 1 g | red man syndrome; acute kidney injury
  gentamicin; rifampin | 80 mg; 300 mg | vestibular toxicity; acute kidney injury
"""

_SUMMARY = (
    Section("REASON FOR ADMISSION:\n", prose.PATTERNS, "opening complaint"),
    Section(
        "HOSPITAL COURSE:\n", prose.PATTERNS, "exam|imaging|treatment treats|causes|effect admin?"
    ),
    Section("DISCHARGE MEDICATIONS:\n- ", listed.PATTERNS, "mainstay order?", joint="\n- "),
    Section("DISPOSITION:\n", prose.PATTERNS, "course|withheld|plan|treatment|admin"),
)
_TRANSFER = (
    Section("HISTORY: ", prose.PATTERNS, "complaint|past negated|family"),
    Section("RESULTS:\n", listed.PATTERNS, "lab imaging?", joint="\n"),
    Section("COURSE: ", prose.PATTERNS, "treatment|treatment|doubt treats|causes|effect admin?"),
    Section("PLAN: ", prose.PATTERNS, "order|plan"),
)
HOSPITAL = Hospital("cardiology", _WORDS, (_SUMMARY, _TRANSFER))
