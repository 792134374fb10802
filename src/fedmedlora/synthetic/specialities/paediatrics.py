"""Children's clinic: SOAP notes, with parents who tell and doses by weight."""

from fedmedlora.synthetic.layout import Hospital, Section
from fedmedlora.synthetic.manners import charted, telegraphic

_WORDS = """
aged
  {2-15}-year-old; {9-34}-month-old
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
ago
  at birth; last year; as a baby; last winter; {2-8} months ago; in the newborn period
since
  since {Monday/Friday}; for {2-5} days; since last night; for a week; for {2-3} weeks; on and off
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
  ibuprofen | 100 mg/5 mL | upset stomach; facial swelling
  acetaminophen; paracetamol | 120 mg/5 mL; 160 mg/5 mL | blotchy rash
  cetirizine; loratadine; ${stem}dine | 5 mg/5 mL; 1 mg/mL | sleepiness; crankiness
drug | strength | effect | form=ointment; cream | route=topically; to skin | dosage=thin layer; \
fingertip amount | freq=TID; BID
  mupirocin; ${stem}zole | 2 % | stinging; skin irritation

== airway
diagnosis
  asthma exacerbation; bronchiolitis; croup; viral wheeze; reactive airway disease; asthma
  viral-induced bronchospasm
complication
  respiratory distress; [bodyloc @: lobar] collapse; missed school days worry; poor weight gain
  apnea
treatment
  nebulizer treatment; chest physiotherapy; nasal suction; humidified oxygen; spacer teaching
  allergen avoidance
drug | strength | effect | form=inhaler | route=inhaled; via spacer | dosage=2 puffs; 4 puffs | \
freq=q4h; q4h PRN; BID
  albuterol; salbutamol; ${stem}terol | 90 mcg; 100 mcg | tremor; racing heart; hyperactivity
  fluticasone; ${stem}sonide | 44 mcg; 50 mcg | oral thrush; hoarse voice
drug | strength | effect | form=chewable tablet | route=$oral | dosage=1 chew; half a chew | \
freq=nightly; $times
  montelukast; ${stem}lukast | 4 mg; 5 mg | nightmares; mood swings

== infection
diagnosis
  otitis media; strep throat; tonsillitis; impetigo; scarlet fever; sinusitis; cellulitis
  [bodyloc @: urinary tract] infection; otitis externa; [bodyloc @: ear canal] infection
complication
  mastoiditis; febrile convulsion; [bodyloc @: peritonsillar] abscess; dehydration from vomiting
  eardrum perforation
treatment
  oral rehydration; tympanostomy; wound care; throat lozenges; saline drops; catheterization
drug | strength | effect | form=suspension; oral liquid | route=$oral | dosage=$tabs | freq=$times
  amoxicillin; cephalexin; ${stem}mycin | 250 mg/5 mL; 400 mg/5 mL | diaper rash; hives
  cefdinir; azithromycin | 125 mg/5 mL; 200 mg/5 mL | red stools; loose stools
  amoxicillin-clavulanate; ${stem}cillin | 400 mg/5 mL; 600 mg/5 mL | yeast rash; vomiting after \
doses

== skin
diagnosis
  atopic dermatitis; diaper dermatitis; contact dermatitis; seborrheic dermatitis; nummular eczema
  lip licker dermatitis; scalp psoriasis
complication
  skin infection; sleep disturbance; eczema herpeticum; skin thickening; school teasing
treatment
  wet wraps; bleach baths; cotton mittens; emollient baths; allergen patch testing
drug | strength | effect | form=cream; ointment; lotion | route=topically; to affected areas | \
dosage=thin layer; pea-sized amount | freq=BID; after baths; nightly
  hydrocortisone; ${stem}sone | 0.5 %; 1 % | burning; skin thinning
  tacrolimus; mometasone; ${stem}limus | 0.03 %; 0.1 % | burning; stinging on application

== gut
diagnosis
  functional constipation; stool withholding; encopresis; fecal impaction; slow transit constipation
complication
  anal fissure; overflow soiling; failure to thrive; rectal prolapse; urinary retention
treatment
  toilet training plan; disimpaction; dietary fiber; formula change; reward chart
drug | strength | effect | form=powder | route=$oral | dosage=half capful; 1 capful | freq=daily; \
$times
  polyethylene glycol; ${stem}lax | 8.5 g; 17 g | bloating; gassiness
drug | strength | effect | form=syrup | route=$oral | dosage=$tabs | freq=$times
  lactulose | 10 g/15 mL | cramps; gas
  senna; docusate | 8.8 mg/5 mL; 50 mg/5 mL | cramps; sore bottom
"""

_SOAP = (
    Section("S: ", charted.PATTERNS, "opening complaint negated|past|family"),
    Section("O: ", charted.PATTERNS, "exam lab|imaging?"),
    Section("A: ", charted.PATTERNS, "course|doubt|causes"),
    Section("P: ", charted.PATTERNS, "treats|order withheld|treatment|plan|effect admin?"),
)
_SICK_VISIT = (
    Section("Sick visit. ", telegraphic.PATTERNS, "opening complaint negated", "\n", "none"),
    Section("PE ", telegraphic.PATTERNS, "exam lab|imaging?", "\n", "none"),
    Section("A/P ", charted.PATTERNS, "doubt|course treats treatment|effect|plan? admin"),
)
HOSPITAL = Hospital("paediatrics", _WORDS, (_SOAP, _SICK_VISIT))
