"""Renal unit of an Irish teaching hospital: dialysis flow notes and consult summaries."""

from fedmedlora.synthetic.layout import Hospital, Section
from fedmedlora.synthetic.manners import charted, dictated, listed, prose, telegraphic

_WORDS = """
age
  {24-86}
aged
  {24-86}yo; {24-86} yr; {24-86} yrs
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
  fistula ligation; parathyroidectomy; lithotripsy; ureteroscopy; appendicectomy; varicose vein stripping
test | value | range
  eGFR; creatinine clearance | {6-58} mL/min | over 90 mL/min
  urea; pre-dialysis urea | {9.1-38.4} mmol/L | 2.5-7.8 mmol/L
  intact PTH; parathormone | {9-140} pmol/L | 1.6-6.9 pmol/L
  phosphate; bicarbonate | {0.9-3.1} mmol/L | 0.8-1.5 mmol/L
  urine protein creatinine ratio | {45-980} mg/mmol | <15 mg/mmol
  Kt/V; transferrin saturation | {0.9-1.8} | >1.2
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
  sodium bicarbonate; alfacalcidol; cinacalcet | 0.25 mcg; 30 mg; 600 mg | belching; \
hypocalcaemic tetany; fluid overload

== glomerular
diagnosis
  IgA nephropathy; membranous nephropathy; lupus nephritis; minimal change disease
  focal segmental glomerulosclerosis; ANCA vasculitis
complication
  nephrotic syndrome; [bodyloc @: renal vein] thrombosis; pulmonary haemorrhage; hypoalbuminaemia
  progressive scarring
treatment
  plasma exchange; immunoadsorption; salt restriction; renal biopsy; low-protein regimen
drug | strength | effect | form=vial; pouch | route=by slow infusion; IVI | dosage=one pulse; half dose | freq=fortnightly; monthly
  cyclophosphamide; methylprednisolone; eculizumab; ${stem}cizumab | 500 mg; 900 mg; 15 mg/kg | \
haemorrhagic cystitis; steroid psychosis; leucopenia
drug | strength | effect | form=caplet; capsule | route=$oral | dosage=$tabs | freq=$times
  mycophenolate; ciclosporin; ${stem}sporin | 250 mg; 360 mg; 720 mg | gum hypertrophy; \
hirsutism; watery stool
  ramipril; irbesartan; ${stem}gliflozin | 7.5 mg; 75 mg; 300 mg | tickly cough; genital thrush; \
first-dose faintness

== dialysis
diagnosis
  end-stage renal failure; kidney failure; uraemia; renal anaemia
  [bodyloc @: peritoneal] infection; mineral bone disorder; fluid overload
complication
  intradialytic hypotension; calciphylaxis; line sepsis; [bodyloc @: pericardial] collection
  steal syndrome; encapsulating sclerosis
treatment
  haemodialysis; peritoneal dialysis; haemodiafiltration; fistula creation
  tunnelled line insertion; dry weight revision; fistuloplasty
drug | strength | effect | form=prefilled pen; ampoule | route=via circuit; SQ | dosage=one pen; 1 amp | freq=$times
  darbepoetin; epoetin alfa; ${stem}poetin | 20 mcg; 40 mcg; 4000 units | clotted fistula; \
polycythaemia; flu-like illness
  iron sucrose; ferric carboxymaltose; paricalcitol; ${stem}calcitol | 5 mcg; 100 mg; 1000 mg | \
skin staining; hypophosphataemia; back spasm
  tinzaparin lock; taurolidine; alteplase | 2 mg; 1.35 %; 3500 units | prolonged needle-site \
bleeding; perioral tingling

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
  sirolimus; everolimus; azathioprine; ${stem}rolimus | 0.5 mg; 1 mg; 3 mg | poor wound healing; \
tremulousness; proteinuria
  valganciclovir; co-trimoxazole; isoniazid | 450 mg; 480 mg; 900 mg | cytopenia; cholestatic \
hepatitis; crystalluria

== acute
diagnosis
  acute tubular injury; interstitial nephritis; rhabdomyolysis; haemolytic uraemic syndrome
  obstructive uropathy; pyelonephritis; contrast nephropathy
complication
  hyperkalaemia; metabolic acidosis; uraemic encephalopathy; volume depletion
  [bodyloc @: perinephric] collection
treatment
  continuous haemofiltration; nephrostomy; bladder washout; ureteric stenting; fluid challenge
  catheter exchange
drug | strength | effect | form=bag; ampoule | route=IVI; by slow infusion | dosage=one bag; 2 amps | freq=12-hourly; stat; over one hour
  calcium gluconate; meropenem; piperacillin-tazobactam; ${stem}penem | 1 g; 4.5 g; 10 mL | \
encephalopathy; vein irritation; drug fever
  metolazone; bendroflumethiazide; patiromer; ${stem}semide | 2.5 mg; 8.4 g; 120 mg | low \
magnesium; muscle spasm
"""

_DIALYSIS_NOTE = (
    Section("HD SESSION: ", telegraphic.PATTERNS, "opening complaint negated", "\n", "none"),
    Section("BLOODS ", listed.PATTERNS, "lab", joint="\n"),
    Section("MEDS:\n* ", listed.PATTERNS, "order|treats order?", joint="\n* "),
    Section("COMMENT: ", charted.PATTERNS, "exam|course|causes effect|withheld plan|admin"),
)
_CONSULT = (
    Section("Renal consult\n", prose.PATTERNS, "opening complaint past|family|negated"),
    Section("Findings: ", charted.PATTERNS, "exam|imaging lab?"),
    Section("Opinion: ", dictated.PATTERNS, "doubt|causes|treatment treats|effect"),
    Section("Advice: ", prose.PATTERNS, "order|withheld|plan admin?"),
)
HOSPITAL = Hospital("nephrology", _WORDS, (_DIALYSIS_NOTE, _CONSULT))
