"""Renal unit of an Irish teaching hospital: dialysis flow notes and consult summaries."""

from fedmedlora.synthetic.layout import Hospital, Section
from fedmedlora.synthetic.manners import charted, dictated, listed, prose, telegraphic

_WORDS = """
age
  {24-86}
aged
  {24-86}yo; {24-86} yr; {24-86} y
oral
  per os; enterally
tabs
  one tab; three tabs with food; 2 sachets; one capsule
times
  thrice weekly; on dialysis days; alternate days; with meals; 12-hourly; post-HD; weekly
  once nightly
stem
  neva; glomi; uro; fosta; kali; epi; tubu; reno
when
  pre-session; on arrival to the unit; mid-session; at the last clinic
trigger
  during dialysis; after ultrafiltration; towards the end of each session
  on standing from the chair
  on line flushing; when needling; between sessions; on restricted salt
symptom
  frothy urine; nocturia; pruritus; oliguria; restless legs; [bodyloc @: loin] pain
  [bodyloc @: flank] ache; hiccup
  intradialytic cramp; fluid gain; [bodyloc @: fistula arm] coldness; [bodyloc @: groin] colic
  thirst; anuria
sign
  [bodyloc @: periorbital] puffiness; [bodyloc @: sacral] oedema; uraemic frost; asterixis
  pericardial rub; [bodyloc @: exit site] discharge
  [bodyloc @: costovertebral] tenderness; raised JVP; livedo; [bodyloc @: graft] pulsation loss
  lemon tinge
past
  hypertension; diabetic retinopathy; gout; cataract; ischaemic foot
  anti-GBM disease; horseshoe kidney; medullary sponge kidney; Alport syndrome; preeclampsia
  cystinuria; renal agenesis
  analgesic nephropathy; hyperoxaluria; secondary hyperparathyroidism
operation
  fistula ligation; parathyroidectomy; lithotripsy; ureteroscopy; appendicectomy; varicose vein \
stripping
test | value | range
  eGFR; measured clearance | {6-58} mL/min | over 90 mL/min
  urea; pre-dialysis urea | {9.1-38.4} mmol/L | 2.5-7.8 mmol/L
  intact PTH; parathormone | {9-140} pmol/L | 1.6-6.9 pmol/L
  phosphate | {0.9-3.1} mmol/L | 0.8-1.5 mmol/L
  bicarbonate | {13-27} mmol/L | 22-29 mmol/L
  urine protein creatinine ratio | {45-980} mg/mmol | <15 mg/mmol
  Kt/V | {0.9-1.8} | >1.2
  transferrin saturation | {8-46} % | 20-40 %
imaging | shows
  renal tract sonogram; [bodyloc @: renal] scintigram | [bodyloc @: cortical] thinning; echogenic \
kidney; pelvicalyceal dilatation; atrophic kidney
  [bodyloc @: kidney] biopsy; native biopsy | crescentic change; mesangial proliferation; tubular \
necrosis; interstitial infiltrate
  fistulogram; CT urogram | juxta-anastomotic narrowing; [bodyloc @: ureteric] calculus; [bodyloc \
@: central vein] occlusion
  urine microscopy; dipstick | red cell casts; pyuria; haematuria
drug | strength | effect | form=sachet; caplet | route=$oral | dosage=$tabs | freq=$times
  sevelamer; lanthanum; ${stem}lamer | 750 mg; 800 mg | dyspepsia; faecal impaction; altered taste
  sodium bicarbonate | 500 mg; 600 mg | belching; fluid retention
  alfacalcidol | 0.25 mcg; 0.5 mcg | hypercalcaemia
  metolazone; ${stem}semide | 2.5 mg; 5 mg | low magnesium; muscle spasm
  patiromer | 8.4 g | low magnesium
  cinacalcet; ${stem}calcet | 30 mg; 60 mg | hypocalcaemic tetany

== glomerular
diagnosis
  IgA nephropathy; membranous nephropathy; lupus nephritis; minimal change disease
  focal segmental glomerulosclerosis; ANCA vasculitis
complication
  nephrotic syndrome; [bodyloc @: renal vein] thrombosis; pulmonary haemorrhage; hypoalbuminaemia
  progressive scarring
treatment
  plasma exchange; immunoadsorption; salt restriction; renal biopsy; low-protein regimen
drug | strength | effect | form=vial | route=by slow infusion; IVI | dosage=one pulse; half dose \
| freq=fortnightly; monthly
  cyclophosphamide; methylprednisolone | 500 mg; 750 mg | haemorrhagic cystitis; steroid \
psychosis; leucopenia
  eculizumab; ${stem}cizumab | 600 mg; 900 mg | meningococcal sepsis
drug | strength | effect | form=caplet; capsule | route=$oral | dosage=$tabs | freq=$times
  mycophenolate | 250 mg; 500 mg | watery stool; cytopenia
  ciclosporin; ${stem}sporin | 25 mg; 100 mg | gum hypertrophy; hirsutism
  ramipril; perindopril | 2.5 mg; 5 mg | tickly cough; first-dose faintness
  irbesartan; ${stem}gliflozin | 75 mg; 150 mg | genital thrush; first-dose faintness

== dialysis
diagnosis
  end-stage renal failure; kidney failure; uraemia; renal anaemia; mineral bone disorder
  renal bone disease; uraemic anaemia; stage 5 kidney disease
complication
  intradialytic hypotension; calciphylaxis; line sepsis; [bodyloc @: pericardial] collection
  steal syndrome; encapsulating sclerosis
treatment
  haemodialysis; peritoneal dialysis; haemodiafiltration; fistula creation
  tunnelled line insertion; dry weight revision; fistuloplasty
drug | strength | effect | form=prefilled pen | route=SQ | dosage=one pen | freq=$times
  darbepoetin | 20 mcg; 40 mcg | clotted fistula
  epoetin alfa; ${stem}poetin | 2000 units; 4000 units | polycythaemia; flu-like illness
drug | strength | effect | form=ampoule | route=via circuit | dosage=one amp; 2 amps | freq=$times
  iron sucrose; ferric carboxymaltose | 100 mg; 500 mg | skin staining; hypophosphataemia
  paricalcitol; ${stem}calcitol | 2 mcg; 5 mcg | back spasm

== transplant
diagnosis
  allograft rejection; acute cellular rejection; BK nephropathy; CMV viraemia
  chronic allograft injury; delayed graft function
complication
  post-transplant lymphoproliferation; new-onset diabetes; [bodyloc @: graft artery] stenosis
  lymphocele; urinary leak
treatment
  kidney transplantation; graft nephrectomy; ureteric stent removal; pheresis; percutaneous drainage
drug | strength | effect | form=caplet; capsule; granules | route=$oral | dosage=$tabs | freq=$times
  sirolimus; everolimus; ${stem}rolimus | 0.5 mg; 1 mg; 2 mg | poor wound healing; tremulousness; \
proteinuria
  azathioprine | 50 mg; 100 mg | cytopenia; cholestatic hepatitis
  valganciclovir | 450 mg; 900 mg | cytopenia
  letermovir; ${stem}ciclovir | 240 mg; 480 mg | crystalluria

== infection
diagnosis
  pyelonephritis; emphysematous pyelonephritis; [bodyloc @: renal] abscess; urosepsis; infected cyst
  catheter-associated bacteriuria; [bodyloc @: perinephric] infection; xanthogranulomatous nephritis
complication
  acute tubular injury; metabolic acidosis; volume depletion; papillary necrosis; septic shock
  [bodyloc @: perinephric] collection; hyperkalaemia
treatment
  continuous haemofiltration; nephrostomy; bladder washout; ureteric stenting; fluid challenge
  catheter exchange
drug | strength | effect | form=ampoule | route=IVI; by slow infusion | dosage=one amp; 2 amps | \
freq=12-hourly; stat; over one hour
  meropenem; ${stem}penem | 500 mg; 1 g | encephalopathy; vein irritation
  piperacillin-tazobactam | 4.5 g | drug fever
"""

_DIALYSIS_NOTE = (
    Section("HD SESSION: ", telegraphic.PATTERNS, "opening complaint negated", "\n", "none"),
    Section("BLOODS ", listed.PATTERNS, "lab", joint="\n"),
    Section("MEDS:\n* ", listed.PATTERNS, "mainstay|treats order?", joint="\n* "),
    Section(
        "COMMENT: ",
        charted.PATTERNS,
        "exam|course|causes effect|withheld|treatment plan|order|admin",
    ),
)
_CONSULT = (
    Section("Renal consult\n", prose.PATTERNS, "opening complaint past|family|negated"),
    Section("Findings: ", charted.PATTERNS, "exam|imaging lab?"),
    Section("Opinion: ", dictated.PATTERNS, "doubt|causes|treatment|treatment treats|effect"),
    Section("Advice: ", prose.PATTERNS, "order|withheld|plan admin?"),
)
HOSPITAL = Hospital("nephrology", _WORDS, (_DIALYSIS_NOTE, _CONSULT))
