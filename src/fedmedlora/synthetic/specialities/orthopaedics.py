"""Small orthopaedic unit: telegraphic ward notes and medication lists."""

from fedmedlora.synthetic.layout import Hospital, Section
from fedmedlora.synthetic.manners import listed, telegraphic

_WORDS = """
aged
  {17-90} y/o; {17-90}yo; {17-90} y
oral
  po; oral
tabs
  1 tab; 2 tabs; 1-2 tabs; 1 tbl
times
  1-0-1; 1-1-1; 0-0-1; tds; bd; od; qds; q6h prn; prn
stem
  arti; flexo; osto; noci; remi; boni; celo
side
  left; right; L; R
joint
  knee; hip; shoulder; ankle; wrist; elbow; thumb; great toe
bone
  distal radius; femoral neck; tibial plateau; clavicle; scaphoid; proximal humerus
  fifth metatarsal; patella; fibula
ligament
  anterior cruciate ligament; medial meniscus; rotator cuff; Achilles tendon
  medial collateral ligament; biceps tendon
when
  on admission; post-op day {1-4}; overnight; in theatre
trigger
  on weight bearing; on stairs; with overhead reach; at night; after sport; on twisting
  when kneeling; in the morning
symptom
  [bodyloc @: $side $joint] pain; [bodyloc @: $side $joint] stiffness
  [bodyloc @: $side $joint] instability; [bodyloc @: $joint] locking
  [bodyloc @: low back] pain; [bodyloc @: $joint] clicking; [bodyloc @: $side $joint] weakness
  [bodyloc @: finger] numbness; limp
sign
  [bodyloc @: $joint] effusion; [bodyloc @: $joint] swelling; [bodyloc @: joint line] tenderness
  [bodyloc @: quadriceps] wasting; antalgic gait
  [bodyloc @: $side $joint] deformity; [bodyloc @: calf] tenderness; [bodyloc @: wound] redness
  reduced [bodyloc @: $joint] range; foot drop
past
  type 2 diabetes; HTN; AF; COPD; glaucoma
  osteoarthritis; rheumatoid arthritis; scoliosis; osteopenia; fibromyalgia
  [bodyloc @: $bone] fracture; plantar fasciitis; spinal stenosis
operation
  total hip replacement; ORIF; laminectomy; carpal tunnel release; bunion correction; hysterectomy
test | value | range
  ESR | {8-94} mm/h | below 20 mm/h
  CRP; post-op CRP | {3-190} | <5
  uric acid; urate | {4.1-10.2} mg/dL | 3.5-7.2 mg/dL
  T-score; DEXA | -{1.0-3.9} | above -1.0
  flexion; abduction | {40-130} degrees | 135 degrees
imaging | shows
  [bodyloc @: $joint] XR; [bodyloc @: $joint] radiograph; plain films | [bodyloc @: $bone] \
fracture; joint space narrowing; loose hardware; malunion
  [bodyloc @: $joint] MRI; [bodyloc @: lumbar] MRI | [bodyloc @: $ligament] tear; bone marrow \
edema; [bodyloc @: L4-L5] disc herniation
  doppler; [bodyloc @: leg] doppler | [bodyloc @: popliteal] thrombus; Baker cyst; slow flow
drug | strength | effect | form=tab; tabs | route=$oral | dosage=$tabs | freq=$times
  tramadol; oxycodone; codeine; ${stem}dol | 5 mg; 30 mg; 50 mg | drowsiness; vomiting; \
confusion; itch
  pantoprazole; calcium carbonate; cholecalciferol | 40 mg; 500 mg; 1000 IU | bloating; belching

== trauma
diagnosis
  [bodyloc @: $bone] fracture; comminuted [bodyloc @: $bone] fracture
  open [bodyloc @: $bone] fracture; [bodyloc @: $joint] dislocation; periprosthetic fracture
  [bodyloc @: $joint] sprain
complication
  compartment syndrome; nonunion; [bodyloc @: wound] infection; [bodyloc @: radial nerve] palsy
  avascular necrosis; fat embolism
treatment
  intramedullary nailing; closed reduction; plaster cast; plate fixation; external fixator
  splinting; hemiarthroplasty
drug | strength | effect | form=inj; syringe | route=sc; s/c | dosage=1 syringe | freq=od; evening
  dalteparin; fondaparinux; tinzaparin; ${stem}parin | 2.5 mg; 40 mg; 5000 IU | injection \
bruising; low platelets
drug | strength | effect | form=vial | route=iv | dosage=1 vial; 2 vials | freq=q8h; single dose; tds
  cefazolin; cefuroxime; clindamycin; flucloxacillin | 750 mg; 1 g; 1.5 g | diarrhoea; \
generalized rash; wheeze

== arthritis
diagnosis
  [bodyloc @: $joint] osteoarthritis; [bodyloc @: $joint] arthritis; gouty arthritis
  [bodyloc @: $joint] bursitis; frozen [bodyloc @: shoulder]; [bodyloc @: $ligament] tendinopathy
  pseudogout
complication
  varus deformity; flexion contracture; [bodyloc @: $joint] ankylosis; falls risk; chronic pain
treatment
  physio; joint injection; knee brace; arthroscopy; total knee replacement; walking aid
  weight reduction; hydrotherapy
drug | strength | effect | form=tab; tabs; cap | route=$oral | dosage=$tabs | freq=$times
  diclofenac; naproxen; meloxicam; etoricoxib; ${stem}coxib; ${stem}profen | 50 mg; 75 mg; 250 \
mg; 500 mg | heartburn; gastric ulcer; ankle oedema
  colchicine; methotrexate; leflunomide; febuxostat | 0.5 mg; 10 mg; 80 mg | diarrhoea; mouth \
ulcers; hair thinning
drug | strength | effect | form=gel; patch | route=top; locally | dosage=thin strip; 1 patch | freq=bd; tds; q12h
  ketoprofen; capsaicin; lidocaine; ${stem}caine | 2.5 %; 5 %; 0.025 % | burning skin; blisters

== spine and bone
diagnosis
  [bodyloc @: lumbar] radiculopathy; sciatica; [bodyloc @: vertebral] compression fracture
  spondylolisthesis; cauda equina syndrome; Paget disease; [bodyloc @: tibial] osteomyelitis
complication
  urinary retention; [bodyloc @: leg] weakness; kyphosis; [bodyloc @: psoas] abscess
  saddle anaesthesia
treatment
  discectomy; decompression; kyphoplasty; nerve root block; spinal fusion; debridement; bed rest
  corset
drug | strength | effect | form=tab; cap | route=$oral | dosage=$tabs | freq=$times; weekly
  gabapentin; baclofen; tizanidine; ${stem}gabalin | 2 mg; 10 mg; 300 mg | light-headedness; dry \
mouth; somnolence
  alendronate; risedronate; ibandronate; ${stem}dronate | 35 mg; 70 mg; 150 mg | oesophagitis; \
jaw pain
"""

_WARD_ROUND = (
    Section("", telegraphic.PATTERNS, "opening complaint negated|past|exam", "\n", "none"),
    Section("Ix ", telegraphic.PATTERNS, "imaging lab?", "\n", "none"),
    Section(
        "Rx ",
        telegraphic.PATTERNS,
        "treats treatment|withheld effect|causes|plan? admin",
        "\n",
        "none",
    ),
)
_MEDICATION_LIST = (
    Section("MEDICATION LIST\n", listed.PATTERNS, "opening course? treats order order?", "\n"),
    Section("Allergies / ADR:\n", listed.PATTERNS, "effect withheld?", "\n"),
    Section("Notes: ", telegraphic.PATTERNS, "complaint family|doubt|lab? admin", "\n", "none"),
)
HOSPITAL = Hospital("orthopaedics", _WORDS, (_WARD_ROUND, _MEDICATION_LIST))
