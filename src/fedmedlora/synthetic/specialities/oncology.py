"""Oncology clinic of a Canadian cancer centre: letters dictated to the family doctor."""

from fedmedlora.synthetic.layout import Hospital, Section
from fedmedlora.synthetic.manners import dictated, listed

_WORDS = """
age
  {38-81}
aged
  {38-81}
oral
  by mouth; oral; orally
tabs
  two tablets; one tablet; 3 tablets
times
  twice daily; once a day; daily; every second day; each evening; with breakfast
stem
  tovi; relu; bemo; axa; dori; pemi; sunva; cabi
organ
  lung; breast; colon; gastric; pancreatic; ovarian; bladder; prostate; thyroid; renal
spread
  liver; bone; adrenal; brain; pleural; omental; lung
trigger
  after chemotherapy; in the first days of each cycle; when swallowing; on lying down
  in cold weather; after eating
symptom
  tiredness; taste disturbance; hot flush; [bodyloc @: bone] pain
  [bodyloc @: epigastric] discomfort
  hair loss; early satiety; dysphagia; hoarseness; hemoptysis; [bodyloc @: breast] tenderness
  [bodyloc @: hip] ache
sign
  [bodyloc @: axillary] lymphadenopathy; hepatomegaly; ascites; [bodyloc @: supraclavicular] node
  palpable mass
  [bodyloc @: arm] lymphedema; [bodyloc @: oral] mucositis; [bodyloc @: vertebral] tenderness
  dullness to percussion
past
  type 2 diabetes; high blood pressure; osteoporosis; emphysema; gallstone disease
  ductal carcinoma in situ; Barrett esophagus; chronic hepatitis B; ulcerative colitis
  Lynch syndrome; basal cell carcinoma
operation
  thyroidectomy; hysterectomy; lumpectomy; mastectomy; hemicolectomy; port insertion
test | value | range
  CA-125; CA 15-3 | {22-940} U/mL | under 35 U/mL
  CEA; carcinoembryonic antigen | {3-310} ng/mL | under 5 ng/mL
  neutrophil count; absolute neutrophils | {0.3-6.8} x10^9/L | 2.0-7.5 x10^9/L
  LDH | {180-960} U/L | 120-246 U/L
  alkaline phosphatase | {70-520} U/L | 40-130 U/L
imaging | shows
  staging CT; PET scan; restaging CT | [bodyloc @: $spread] metastasis; [bodyloc @: mediastinal] \
lymphadenopathy; new [bodyloc @: $spread] lesion
  bone scan; MRI of the spine | [bodyloc @: sacral] deposit; cord compression; [bodyloc @: rib] \
uptake
  mammogram; core biopsy; [bodyloc @: breast] ultrasound | invasive ductal carcinoma; \
microcalcification; lobular neoplasia
  colonoscopy; endoscopy | ulcerated tumour; tubular adenoma; luminal stricture
drug | strength | effect | form=tablet | route=$oral | dosage=$tabs | freq=$times
  dexamethasone | 4 mg; 8 mg | hyperglycemia; sleeplessness; agitation
  ondansetron; ${stem}setron | 4 mg; 8 mg | constipation; migraine-like headache

== solid tumour
diagnosis
  [bodyloc @: $organ] cancer; metastatic [bodyloc @: $organ] cancer
  [bodyloc @: $organ] adenocarcinoma; [bodyloc @: $organ] carcinoma
  small cell [bodyloc @: lung] cancer; cholangiocarcinoma; mesothelioma
complication
  malignant [bodyloc @: pleural] effusion; obstructive jaundice; [bodyloc @: bowel] obstruction
  hypercalcemia; deep vein thrombosis
treatment
  radiotherapy; stereotactic radiosurgery; palliative radiotherapy; hepatic resection
  biliary stenting; paracentesis
drug | strength | effect | form=infusion | route=intravenous; IV | dosage=one cycle; 75% dose | freq=every three weeks; weekly
  cisplatin; carboplatin; oxaliplatin | 75 mg/m2; 85 mg/m2 | tinnitus; neuropathy; neutropenia
  docetaxel; paclitaxel; ${stem}taxel | 80 mg/m2; 175 mg/m2 | nail changes; neuropathy; febrile \
neutropenia
  pembrolizumab; nivolumab; ${stem}limab | 200 mg; 240 mg | colitis; pneumonitis; thyroiditis
drug | strength | effect | form=tablet; capsule | route=$oral | dosage=$tabs | freq=$times
  capecitabine | 500 mg; 1500 mg | hand-foot syndrome; diarrhoea
  erlotinib; sunitinib; ${stem}tinib; ${stem}rafenib | 50 mg; 150 mg | acneiform rash; \
stomatitis; raised blood pressure

== hormone
diagnosis
  [bodyloc @: breast] cancer; ER-positive [bodyloc @: breast] cancer; [bodyloc @: prostate] cancer
  castrate-resistant [bodyloc @: prostate] cancer; locoregional recurrence
complication
  pathological [bodyloc @: femur] fracture; [bodyloc @: spinal] cord compression
  [bodyloc @: ureteric] obstruction; bone marrow failure
treatment
  sentinel node biopsy; breast conservation; brachytherapy; androgen ablation; ovarian suppression
  pelvic radiotherapy
drug | strength | effect | form=tablet | route=$oral | dosage=$tabs | freq=$times
  tamoxifen; letrozole; anastrozole | 1 mg; 2.5 mg; 20 mg | arthralgia; hot flushes; endometrial \
thickening
  palbociclib; ribociclib; ${stem}ciclib | 100 mg; 125 mg | neutropenia; thinning hair
  abiraterone; enzalutamide; ${stem}lutamide | 160 mg; 1000 mg | fluid retention; seizure
drug | strength | effect | form=injection | route=subcutaneous; intramuscular | dosage=one injection | freq=every month; 3-monthly
  goserelin; leuprolide; fulvestrant | 3.6 mg; 10.8 mg | injection site pain; loss of libido
  denosumab | 120 mg | jaw osteonecrosis; hypocalcemia

== blood
diagnosis
  multiple myeloma; follicular lymphoma; Hodgkin lymphoma; chronic lymphocytic leukemia
  acute myeloid leukemia; mantle cell lymphoma; myelodysplasia
complication
  pancytopenia; hyperviscosity; tumour lysis; [bodyloc @: splenic] enlargement
  lytic [bodyloc @: skull] lesion
treatment
  autologous stem cell transplant; red cell transfusion; bone marrow biopsy; leukapheresis
  platelet transfusion
drug | strength | effect | form=capsule; tablet | route=$oral | dosage=1 capsule; two capsules | freq=$times
  lenalidomide; thalidomide; ${stem}lidomide | 10 mg; 25 mg | neuropathy; sedation; venous \
thrombosis
  ibrutinib; venetoclax; ${stem}brutinib | 140 mg; 400 mg | bruising; atrial fibrillation
  allopurinol; acyclovir | 300 mg; 400 mg | maculopapular rash; kidney injury
drug | strength | effect | form=infusion | route=intravenous; IV | dosage=one cycle | freq=on days 1 and 8; every 28 days
  rituximab; obinutuzumab; ${stem}tuzumab | 375 mg/m2; 1000 mg | infusion reaction; rigors
  bortezomib; cytarabine; doxorubicin | 1.3 mg/m2; 50 mg/m2 | painful neuropathy; cardiotoxicity; \
alopecia
"""

_CLINIC_LETTER = (
    Section("Dear colleague,\n\n", dictated.PATTERNS, "opening complaint negated|past"),
    Section("", dictated.PATTERNS, "treats|effect|causes imaging|lab|exam"),
    Section("", dictated.PATTERNS, "plan|order|course withheld|doubt? admin"),
    Section("Yours sincerely", dictated.PATTERNS, ""),
)
_TREATMENT_LETTER = (
    Section("Diagnoses and treatment:\n", listed.PATTERNS, "course treats|order", joint="\n"),
    Section("\nDear doctor,\n", dictated.PATTERNS, "complaint|exam effect|treatment lab|family"),
    Section("", dictated.PATTERNS, "imaging|doubt|negated order|plan? admin"),
)
HOSPITAL = Hospital("oncology", _WORDS, (_CLINIC_LETTER, _TREATMENT_LETTER))
