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
  [bodyloc @: $valve] stenosis; [bodyloc @: $valve] valve prolapse; [bodyloc @: $wall] infarction
operation
  cholecystectomy; hernia repair; hip replacement; CABG; pacemaker placement; valve replacement; carotid endarterectomy
test | value | range
  BNP; NT-proBNP | {480-4200} pg/mL | <125 pg/mL
  troponin; high-sensitivity troponin | {0.05-9.80} ng/mL | <0.04 ng/mL
  INR | {1.1-4.6} | 2.0-3.0
  LDL cholesterol | {58-210} mg/dL | <100 mg/dL
  ejection fraction | {18-62} % | 55-70 %
imaging | shows
  transthoracic echocardiogram; bedside echo | [bodyloc @: $wall] hypokinesis; [bodyloc @: \
$valve] regurgitation; [bodyloc @: left atrial] enlargement
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
  furosemide; torsemide; bumetanide | 20 mg; 40 mg; 80 mg | hypokalemia; ototoxicity
drug | strength | effect | form=tablet; extended-release tablet | route=$oral | dosage=$tabs | freq=$times
  carvedilol; metoprolol; ${stem}lol | 12.5 mg; 25 mg; 50 mg | bradycardia; cold extremities
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
  apixaban; rivaroxaban; warfarin | 2.5 mg; 5 mg | epistaxis; hematuria; GI bleeding
  amiodarone; sotalol; ${stem}darone | 80 mg; 200 mg; 400 mg | thyrotoxicosis; torsades de \
pointes; photosensitivity
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
  clopidogrel; ticagrelor; prasugrel; ${stem}grel | 75 mg; 90 mg | easy bruising; epistaxis; \
thrombocytopenia
drug | strength | effect | form=tablet; spray | route=sublingually; SL | dosage=1 spray; 1 tab | freq=as needed; PRN
  nitroglycerin | 0.4 mg | throbbing headache; hypotension
drug | strength | effect | form=injection | route=IV; subcutaneously | dosage=1 syringe | freq=$times
  heparin; enoxaparin | 5000 units; 80 mg | thrombocytopenia; injection site hematoma
drug | strength | effect | form=extended-release tablet | route=$oral | dosage=$tabs | freq=$times
  ranolazine; isosorbide mononitrate | 30 mg; 500 mg | presyncope; facial flushing

== valve
diagnosis
  [bodyloc @: $valve] regurgitation; [bodyloc @: $valve] valve stenosis; infective endocarditis
  rheumatic heart disease; prosthetic valve dysfunction
complication
  [bodyloc @: right ventricular] failure; [bodyloc @: splenic] infarct; hemolytic anemia
  pulmonary hypertension
treatment
  transcatheter valve replacement; balloon valvuloplasty; surgical valve repair; PICC placement
drug | strength | effect | form=infusion | route=IV; intravenously | dosage=one infusion | freq=q6h; q8h; q12h
  ampicillin; gentamicin; vancomycin | 1 g; 2 g; 80 mg | red man syndrome; acute kidney injury; \
morbilliform rash
drug | strength | effect | form=tablet | route=$oral | dosage=$tabs | freq=$times
  losartan; valsartan; ${stem}sartan | 50 mg; 80 mg; 100 mg | orthostatic hypotension; hyperkalemia
  chlorthalidone; hydrochlorothiazide | 12.5 mg; 25 mg | hyponatremia; gouty flare
"""

_SUMMARY = (
    Section("REASON FOR ADMISSION:\n", prose.PATTERNS, "opening complaint"),
    Section("HOSPITAL COURSE:\n", prose.PATTERNS, "exam|imaging|past treats|causes|effect admin?"),
    Section("DISCHARGE MEDICATIONS:\n- ", listed.PATTERNS, "order order?", joint="\n- "),
    Section("DISPOSITION:\n", prose.PATTERNS, "course|withheld|plan|admin"),
)
_TRANSFER = (
    Section("HISTORY: ", prose.PATTERNS, "complaint|past negated|family"),
    Section("RESULTS:\n", listed.PATTERNS, "lab imaging?", joint="\n"),
    Section("COURSE: ", prose.PATTERNS, "treatment|doubt treats|causes|effect admin?"),
    Section("PLAN: ", prose.PATTERNS, "order|plan"),
)
HOSPITAL = Hospital("cardiology", _WORDS, (_SUMMARY, _TRANSFER))
