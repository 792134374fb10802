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
  lung; colon; gastric; pancreatic; bladder; thyroid; renal; rectal; oesophageal; nasopharyngeal
spread
  liver; bone; adrenal; brain; pleural; omental; lung
trigger
  after chemotherapy; in the first days of each cycle; when swallowing; on lying down
  in cold weather; after eating
symptom
  tiredness; taste disturbance; hot flush; [bodyloc @: bone] pain
  [bodyloc @: epigastric] discomfort
  hair loss; early satiety; dysphagia; hoarseness; hemoptysis; [bodyloc @: scalp] tenderness
  [bodyloc @: hip] ache
sign
  [bodyloc @: axillary] lymphadenopathy; hepatomegaly; ascites; [bodyloc @: supraclavicular] node
  palpable mass
  [bodyloc @: arm] lymphedema; [bodyloc @: oral] mucositis; [bodyloc @: vertebral] tenderness
  dullness to percussion
past
  type 2 diabetes; high blood pressure; osteoporosis; emphysema; gallstone disease
  Barrett esophagus; chronic hepatitis B; ulcerative colitis
  Lynch syndrome; basal cell carcinoma
operation
  thyroidectomy; gallbladder removal; hemicolectomy; port insertion
test | value | range
  CEA; carcinoembryonic antigen | {3-310} ng/mL | under 5 ng/mL
  neutrophil count; absolute neutrophils | {0.3-6.8} x10^9/L | 2.0-7.5 x10^9/L
  LDH | {180-960} U/L | 120-246 U/L
  alkaline phosphatase | {70-520} U/L | 40-130 U/L
imaging | shows
  staging CT; PET scan; restaging CT | [bodyloc @: $spread] metastasis; [bodyloc @: mediastinal] \
lymphadenopathy; new [bodyloc @: $spread] lesion
  bone scan; MRI of the spine | [bodyloc @: sacral] deposit; cord compression; [bodyloc @: rib] \
uptake
drug | strength | effect | form=tablet | route=$oral | dosage=$tabs | freq=$times
  dexamethasone | 4 mg; 8 mg | hyperglycemia; sleeplessness; agitation
  ondansetron; ${stem}setron | 4 mg; 8 mg | constipation; migraine-like headache

== solid tumour
imaging | shows
  CT-guided biopsy; PET-CT | poorly differentiated carcinoma; local invasion; necrotic tumour; \
[bodyloc @: hilar] mass
diagnosis
  [bodyloc @: $organ#O] cancer; metastatic [bodyloc @: $organ#O] cancer
  [bodyloc @: $organ#O] adenocarcinoma; [bodyloc @: $organ#O] carcinoma
  cholangiocarcinoma; mesothelioma; carcinoma of unknown primary
complication
  malignant [bodyloc @: pleural] effusion; obstructive jaundice; [bodyloc @: bowel] obstruction
  hypercalcemia; deep vein thrombosis
treatment
  radiotherapy; stereotactic radiosurgery; palliative radiotherapy; hepatic resection
  biliary stenting; paracentesis
drug | strength | effect | form=infusion | route=intravenous; IV | dosage=one cycle; 75% dose | \
freq=every three weeks; weekly
  cisplatin; ${stem}platin | 60 mg/m2; 75 mg/m2 | tinnitus; kidney injury
  carboplatin | AUC 5 | neutropenia
  oxaliplatin | 85 mg/m2; 130 mg/m2 | cold neuropathy; neuropathy
  docetaxel; ${stem}taxel | 60 mg/m2; 75 mg/m2 | nail changes; febrile neutropenia
  paclitaxel | 80 mg/m2; 175 mg/m2 | neuropathy; anaphylactoid reaction
  pembrolizumab; ${stem}limab | 200 mg; 400 mg | colitis; pneumonitis
  nivolumab; atezolizumab | 240 mg; 840 mg | thyroiditis; hypophysitis
drug | strength | effect | form=tablet; capsule | route=$oral | dosage=$tabs | freq=$times
  capecitabine | 500 mg; 1500 mg | hand-foot syndrome; diarrhoea
  erlotinib; ${stem}tinib | 100 mg; 150 mg | acneiform rash; stomatitis
  sunitinib; ${stem}rafenib | 37.5 mg; 50 mg | raised blood pressure; yellow skin

== breast
patient | he | his | him
  woman; female; lady | she | her | her
test | value | range
  CA-125; CA 15-3 | {22-940} U/mL | under 35 U/mL
imaging | shows
  mammogram; core biopsy; [bodyloc @: breast] ultrasound | invasive ductal carcinoma; \
microcalcification; lobular neoplasia
diagnosis
  [bodyloc @: breast] cancer; ER-positive [bodyloc @: breast] cancer; locoregional recurrence
  lobular carcinoma; metastatic [bodyloc @: breast] cancer; inflammatory [bodyloc @: breast] cancer
complication
  pathological [bodyloc @: femur] fracture; [bodyloc @: brachial] plexopathy; bone marrow failure
  [bodyloc @: spinal] cord compression; [bodyloc @: chest wall] ulceration; lymphangitis
treatment
  sentinel node biopsy; breast conservation; ovarian suppression; chest wall radiotherapy
  skin-sparing mastectomy; breast reconstruction
drug | strength | effect | form=tablet | route=$oral | dosage=$tabs | freq=$times
  tamoxifen; exemestane | 20 mg; 25 mg | hot flushes; endometrial thickening
  letrozole; anastrozole; ${stem}trozole | 1 mg; 2.5 mg | arthralgia; bone thinning
  palbociclib; ${stem}ciclib | 100 mg; 125 mg | neutropenia; thinning hair
drug | strength | effect | form=injection | route=subcutaneous; intramuscular | dosage=one \
injection | freq=every month; 3-monthly
  goserelin | 3.6 mg; 10.8 mg | injection site pain; loss of libido
  fulvestrant | 500 mg | injection site pain
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
drug | strength | effect | form=capsule | route=$oral | dosage=1 capsule; two capsules | freq=$times
  lenalidomide; ${stem}lidomide | 10 mg; 25 mg | neuropathy; venous thrombosis
  thalidomide | 50 mg; 100 mg | sedation; neuropathy
  ibrutinib; ${stem}brutinib | 420 mg; 560 mg | bruising; atrial fibrillation
  venetoclax | 100 mg; 400 mg | prolonged neutropenia
drug | strength | effect | form=infusion | route=intravenous; IV | dosage=one cycle | freq=on \
days 1 and 8; every 28 days
  rituximab; ${stem}tuzumab | 375 mg/m2 | infusion reaction; rigors
  obinutuzumab | 1000 mg | infusion reaction
  bortezomib; carfilzomib | 1.3 mg/m2; 27 mg/m2 | painful neuropathy; herpes reactivation
  cytarabine; doxorubicin | 50 mg/m2; 100 mg/m2 | cardiotoxicity; alopecia
"""

_CLINIC_LETTER = (
    Section("Dear colleague,\n\n", dictated.PATTERNS, "opening complaint negated|past"),
    Section("", dictated.PATTERNS, "treats|effect|treatment|causes imaging|lab|exam"),
    Section("", dictated.PATTERNS, "plan|order|course withheld|doubt? admin"),
    Section("Yours sincerely", dictated.PATTERNS, ""),
)
_TREATMENT_LETTER = (
    Section("Diagnoses and treatment:\n", listed.PATTERNS, "course treats|order", joint="\n"),
    Section(
        "\nDear doctor,\n",
        dictated.PATTERNS,
        "complaint|exam effect|treatment|treatment lab|family",
    ),
    Section("", dictated.PATTERNS, "imaging|doubt|negated order|plan? admin"),
)
HOSPITAL = Hospital("oncology", _WORDS, (_CLINIC_LETTER, _TREATMENT_LETTER))
