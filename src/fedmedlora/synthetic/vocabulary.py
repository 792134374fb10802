"""Words that every kind of hospital uses; each hospital keeps only a part of them."""

GENERAL = """
symptom
  fatigue; fever; nausea; vomiting; headache; dizziness; insomnia; loss of appetite; weight loss
  night sweats; constipation; loose stool; dry mouth; itching; low mood; blurred vision; tinnitus
  [bodyloc @: back] pain; [bodyloc @: abdominal] pain; [bodyloc @: neck] stiffness; malaise
  [bodyloc @: leg] swelling; [bodyloc @: chest] tightness; muscle cramp; shivering; thirst
sign
  pallor; dehydration; tachycardia; low-grade fever; [bodyloc @: abdominal] tenderness
  [bodyloc @: ankle] swelling; [bodyloc @: skin] bruising; jaundice; tachypnoea; diaphoresis
  [bodyloc @: cervical] lymphadenopathy; [bodyloc @: facial] flushing; unsteady gait; drowsiness
past
  asthma; obesity; migraine; psoriasis; hypothyroidism; type 1 diabetes; eczema; epilepsy
  hay fever; hearing loss; vitamin D deficiency; iron deficiency; penicillin allergy; scoliosis
  sickle cell trait; Raynaud phenomenon; thalassaemia minor; strabismus
test | value | range
  sodium | {128-147} mmol/L | 135-145 mmol/L
  potassium | {2.9-5.6} mmol/L | 3.5-5.1 mmol/L
  creatinine | {0.6-2.4} mg/dL | 0.6-1.2 mg/dL
  Hb | {7.4-15.8} g/dL | 12-16 g/dL
  white cell count | {3.1-17.9} x10^9/L | 4-11 x10^9/L
  platelets | {90-480} x10^9/L | 150-400 x10^9/L
  C-reactive protein | {2-160} mg/L | below 5 mg/L
  glucose | {68-240} mg/dL | 70-99 mg/dL
  TSH | {0.2-8.9} mIU/L | 0.4-4.0 mIU/L
  ALT | {14-190} U/L | 7-56 U/L
  albumin | {2.2-4.8} g/dL | 3.5-5.0 g/dL
  HbA1c | {5.1-10.4} % | below 5.7 %
  calcium | {7.9-11.6} mg/dL | 8.5-10.5 mg/dL
  ferritin | {6-480} ng/mL | 15-150 ng/mL
  magnesium | {1.2-2.6} mg/dL | 1.7-2.2 mg/dL
  blood pressure | {98-182}/{56-104} mmHg | below 140/90 mmHg
  heart rate | {52-128} bpm | 60-100 bpm
  oxygen saturation | {86-99} % | above 94 %
treatment
  physiotherapy; oxygen therapy; blood transfusion; fluid therapy; occupational therapy
  wound dressing; dietary advice; speech therapy; massage; nutritional support; exercise programme
drug | strength | effect | form=tablet | route=$oral | dosage=$tabs | freq=$times
  acetaminophen; ibuprofen | 200 mg; 400 mg; 500 mg | stomach upset; hives
  omeprazole; ranitidine | 20 mg; 40 mg; 150 mg | headache; bloating
  prednisone | 5 mg; 20 mg | mood swings; insomnia
  metformin | 500 mg; 850 mg | loose stool; nausea
  levothyroxine | 50 mcg; 75 mcg | palpitations; weight loss
  folic acid; zinc; ferrous sulfate | 5 mg; 50 mg; 200 mg | constipation; dark stool
  amlodipine; bisoprolol | 2.5 mg; 5 mg | ankle swelling; dizziness
  doxycycline; ciprofloxacin | 100 mg; 250 mg | photosensitive rash; nausea
  loratadine; chlorphenamine | 4 mg; 10 mg | drowsiness; dry mouth
  cyclizine; domperidone | 10 mg; 50 mg | drowsiness
severity
  mild; moderate; severe; slight; marked; profound; mild to moderate; intense; significant
  considerable; pronounced; moderately severe
course
  stable; worsening; improving; persistent; intermittent; unchanged; resolving; progressive
  fluctuating; recurrent; relapsing; slowly improving; rapidly progressive
since
  for {3-9} days; for {2-6} weeks; since Monday; since last week; for several months; since {March/June}
  since yesterday; over the past {2-8} weeks; for about a year; since the weekend
  over the last month; for two nights; since early {spring/autumn/winter}
when
  yesterday; this morning; last week; on {2-28} {May/July/October}; {2-6} days ago; today
  earlier this year; in {January/April/August}; {2-9} weeks ago; three months ago; last month
ago
  in {2001-2021}; {3-20} years ago; in childhood; many years ago; as a young adult; two years ago
  in the late 1990s; around {2005-2018}; last year; a decade ago
next
  in {2-6} weeks; next month; tomorrow; at the next visit; in six months; on {Monday/Thursday}
  within {5-10} days; next spring; before discharge; in {3-9} days
duration
  for {5-14} days; for two weeks; for {2-6} months; for one week; over {3-8} weeks; for a month
  for ten days; until the next visit; for a {3-7}-day course; for life; for another {2-8} weeks
relative
  mother; father; sister; brother; maternal aunt; paternal uncle; grandmother; grandfather; cousin
  daughter; son; half-brother; maternal grandfather; twin sister
"""

PATIENTS = """
patient | he | his | him
  man; male | he | his | him
  woman; female | she | her | her
"""
