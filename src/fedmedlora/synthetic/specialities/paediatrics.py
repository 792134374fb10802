"""Children's clinic: SOAP notes, with parents who tell and doses by weight."""

from fedmedlora.synthetic.layout import Hospital, Section
from fedmedlora.synthetic.manners import charted, telegraphic

_WORDS = """
aged
  {2-15}-year-old; {5-34}-month-old
patient | he | his | him
  boy | he | his | him
  girl | she | her | her
oral
  PO; by mouth
tabs
  2.5 mL; 5 mL; 7.5 mL; one spoonful
times
  BID; TID; QID; q8h; q6h; once a day; before school
stem
  pedi; cefi; lora; zymo; tami; dexi; nova
trigger
  at night; after running; during feeds; in spring; when crying; with colds; around cats; after milk
symptom
  cough; runny nose; earache; wheeze; poor feeding; rash; sore [bodyloc @: throat]
  [bodyloc @: tummy] ache; ear tugging
  noisy breathing; bedwetting; fussiness; loose stool; [bodyloc @: knee] pain; nasal congestion
  barky cough
sign
  [bodyloc @: tympanic] bulging; [bodyloc @: tonsillar] exudate
  [bodyloc @: intercostal] retraction; expiratory wheeze; stridor
  [bodyloc @: cheek] erythema; sunken fontanelle; [bodyloc @: perianal] redness
  dry mucous membranes; nasal flaring; [bodyloc @: flexural] scaling
past
  prematurity; neonatal jaundice; cow milk allergy; colic; speech delay; febrile seizure
  [bodyloc @: umbilical] hernia; cradle cap
operation
  adenoidectomy; grommet insertion; circumcision; frenotomy; tonsillectomy; hernia repair
test | value | range
  rapid strep test; RSV swab; influenza swab | {positive/negative} | negative
  peak flow | {110-320} L/min | 240-340 L/min
  bilirubin; transcutaneous bilirubin | {6.2-17.8} mg/dL | below 12 mg/dL
  lead level | {1-14} ug/dL | below 3.5 ug/dL
  weight; length | {20-80}th centile | 10th-90th centile
imaging | shows
  [bodyloc @: chest] film; lateral [bodyloc @: neck] film | [bodyloc @: perihilar] thickening; \
steeple sign; [bodyloc @: right lower lobe] opacity
  [bodyloc @: renal] ultrasound; voiding cystogram | hydronephrosis; vesicoureteral reflux; \
duplex collecting system
  tympanogram; hearing screen | [bodyloc @: middle ear] effusion; conductive loss; flat trace
drug | strength | effect | form=suspension; syrup | route=$oral | dosage=$tabs | freq=$times
  ibuprofen; acetaminophen; paracetamol | 100 mg/5 mL; 160 mg/5 mL | upset stomach; facial swelling
  cetirizine; loratadine; ${stem}dine | 5 mg/5 mL; 1 mg/mL | sleepiness; crankiness

== airway
diagnosis
  asthma exacerbation; bronchiolitis; croup; viral wheeze; whooping cough; reactive airway disease
  laryngomalacia
complication
  respiratory distress; [bodyloc @: lobar] collapse; missed school days worry; poor weight gain
  apnea
treatment
  nebulizer treatment; chest physiotherapy; nasal suction; humidified oxygen; spacer teaching
  allergen avoidance
drug | strength | effect | form=inhaler; nebule | route=inhaled; via spacer | dosage=2 puffs; 4 puffs; one nebule | freq=q4h; q4h PRN; BID
  albuterol; salbutamol; ${stem}terol | 90 mcg; 100 mcg; 2.5 mg | tremor; racing heart; \
hyperactivity
  fluticasone; budesonide; ${stem}sonide | 44 mcg; 0.5 mg | oral thrush; hoarse voice
drug | strength | effect | form=chewable tablet; syrup | route=$oral | dosage=1 chew; 5 mL | freq=nightly; $times
  montelukast; prednisolone; ${stem}lukast | 4 mg; 5 mg; 15 mg/5 mL | nightmares; mood swings; \
stomach upset

== infection
diagnosis
  otitis media; strep throat; tonsillitis; impetigo; hand-foot-mouth disease
  [bodyloc @: urinary tract] infection; scarlet fever; gastroenteritis
complication
  mastoiditis; febrile convulsion; [bodyloc @: peritonsillar] abscess; dehydration from vomiting
  eardrum perforation
treatment
  oral rehydration; tympanostomy; wound care; throat lozenges; saline drops; catheterization
drug | strength | effect | form=suspension; syrup; chewable tablet | route=$oral | dosage=$tabs | freq=$times
  amoxicillin; cephalexin; cefdinir; azithromycin; ${stem}mycin | 125 mg/5 mL; 250 mg/5 mL; 400 \
mg/5 mL | diaper rash; hives; loose stools
  amoxicillin-clavulanate; trimethoprim; ${stem}cillin | 200 mg/5 mL; 40 mg/5 mL | yeast rash; \
vomiting after doses
drug | strength | effect | form=ointment; cream | route=topically; to skin | dosage=thin layer; fingertip amount | freq=TID; BID
  mupirocin; nystatin; ${stem}zole | 2 %; 100000 units/g | stinging; skin irritation

== skin and gut
diagnosis
  atopic dermatitis; diaper dermatitis; functional constipation; infantile reflux; peanut allergy
  hives; lactose intolerance
complication
  skin infection; anal fissure; failure to thrive; sleep disturbance; withholding behavior
  anaphylaxis
treatment
  wet wraps; elimination diet; bleach baths; toilet training plan; thickened feeds; formula change
drug | strength | effect | form=cream; ointment; lotion | route=topically; to affected areas | dosage=thin layer; pea-sized amount | freq=BID; after baths; nightly
  hydrocortisone; tacrolimus; mometasone; ${stem}limus | 0.03 %; 0.1 %; 1 % | burning; skin thinning
drug | strength | effect | form=powder; drops; syrup | route=$oral | dosage=half capful; 1 capful; 2.5 mL | freq=daily; $times
  polyethylene glycol; lactulose; omeprazole; ${stem}lax | 17 g; 10 g/15 mL; 2 mg/mL | bloating; \
gassiness; cramps
"""

_SOAP = (
    Section("S: ", charted.PATTERNS, "opening complaint negated|past|family"),
    Section("O: ", charted.PATTERNS, "exam lab|imaging?"),
    Section("A: ", charted.PATTERNS, "course|doubt|causes"),
    Section("P: ", charted.PATTERNS, "treats|order withheld|plan|effect admin?"),
)
_SICK_VISIT = (
    Section("Sick visit. ", telegraphic.PATTERNS, "opening complaint negated", "\n", "none"),
    Section("PE ", telegraphic.PATTERNS, "exam lab|imaging?", "\n", "none"),
    Section("A/P ", charted.PATTERNS, "doubt|course treats treatment|effect|plan? admin"),
)
HOSPITAL = Hospital("paediatrics", _WORDS, (_SOAP, _SICK_VISIT))
