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
joint | bone | ligament
  knee | patella; tibial plateau; distal femur | anterior cruciate ligament; medial meniscus
  hip | femoral neck; acetabulum; greater trochanter | labrum; gluteal tendon; iliopsoas tendon
  shoulder | clavicle; proximal humerus; scapula | rotator cuff; biceps tendon; supraspinatus tendon
  ankle | fibula; medial malleolus; talus | Achilles tendon; deltoid ligament; peroneal tendon
  wrist | distal radius; scaphoid; ulnar styloid | scapholunate ligament; flexor tendon
  elbow | olecranon; radial head; distal humerus | triceps tendon; ulnar collateral ligament
  thumb | first metacarpal; trapezium | ulnar collateral ligament; extensor tendon
  great toe | first metatarsal; proximal phalanx | plantar plate; extensor tendon
when
  on admission; post-op day {1-4}; overnight; in theatre
trigger
  on weight bearing; on stairs; with overhead reach; at night; after sport; on twisting
  when kneeling; in the morning
symptom
  [bodyloc @: $side#L $joint#J] pain; [bodyloc @: $side#L $joint#J] stiffness
  [bodyloc @: $side#L $joint#J] instability; [bodyloc @: $joint#J] locking
  [bodyloc @: low back] pain; [bodyloc @: $joint#J] clicking; [bodyloc @: $side#L $joint#J] weakness
  [bodyloc @: finger] numbness; limp
sign
  [bodyloc @: $joint#J] effusion; [bodyloc @: $joint#J] swelling; [bodyloc @: joint line] tenderness
  [bodyloc @: quadriceps] wasting; antalgic gait
  [bodyloc @: $side#L $joint#J] deformity; [bodyloc @: calf] tenderness; [bodyloc @: wound] redness
  reduced [bodyloc @: $joint#J] range; foot drop
past
  type 2 diabetes; HTN; AF; COPD; glaucoma
  osteoarthritis; rheumatoid arthritis; scoliosis; osteopenia; fibromyalgia
  [bodyloc @: $bone#J] fracture; plantar fasciitis; spinal stenosis
operation
  total hip replacement; ORIF; laminectomy; carpal tunnel release; bunion correction; appendicectomy
test | value | range
  ESR | {8-94} mm/h | below 20 mm/h
  CRP; post-op CRP | {3-190} | <5
  uric acid; urate | {4.1-10.2} mg/dL | 3.5-7.2 mg/dL
  T-score; DEXA | -{1.0-3.9} | above -1.0
  flexion; abduction | {40-130} degrees | 135 degrees
imaging | shows
  [bodyloc @: $joint#J] XR; [bodyloc @: $joint#J] radiograph; plain films | [bodyloc @: $bone#J] \
fracture; joint space narrowing; loose hardware; malunion
  [bodyloc @: $joint#J] MRI; [bodyloc @: lumbar] MRI | [bodyloc @: $ligament#J] tear; bone marrow \
edema; [bodyloc @: L4-L5] disc herniation
  doppler; [bodyloc @: leg] doppler | [bodyloc @: popliteal] thrombus; Baker cyst; slow flow
drug | strength | effect | form=tab; tabs | route=$oral | dosage=$tabs | freq=$times
  pantoprazole | 20 mg; 40 mg | belching
  calcium carbonate | 500 mg | bloating
drug | strength | effect | form=vial | route=iv | dosage=1 vial; 2 vials | freq=q8h; single dose; \
tds
  cefazolin; flucloxacillin | 1 g; 2 g | diarrhoea; generalized rash
  cefuroxime | 750 mg; 1.5 g | generalized rash
  clindamycin | 600 mg | diarrhoea

== trauma
diagnosis
  [bodyloc @: $bone#J] fracture; comminuted [bodyloc @: $bone#J] fracture
  open [bodyloc @: $bone#J] fracture; [bodyloc @: $joint#J] dislocation; periprosthetic fracture
  [bodyloc @: $joint#J] sprain
complication
  compartment syndrome; nonunion; [bodyloc @: wound] infection; [bodyloc @: radial nerve] palsy
  avascular necrosis; fat embolism
treatment
  intramedullary nailing; closed reduction; plaster cast; plate fixation; external fixator
  splinting; hemiarthroplasty
drug | strength | effect | form=tab; tabs | route=$oral | dosage=$tabs | freq=$times
  tramadol; ${stem}dol | 50 mg; 100 mg | drowsiness; vomiting
  oxycodone | 5 mg; 10 mg | confusion; itch
  codeine | 15 mg; 30 mg | constipation; drowsiness
drug | strength | effect | form=inj; syringe | route=sc; s/c | dosage=1 syringe | freq=od; evening
  dalteparin; tinzaparin; ${stem}parin | 4500 IU; 5000 IU | injection bruising; low platelets
  fondaparinux | 2.5 mg | injection bruising

== arthritis
diagnosis
  [bodyloc @: $joint#J] osteoarthritis; [bodyloc @: $joint#J] arthritis; gouty arthritis
  [bodyloc @: $joint#J] bursitis; frozen [bodyloc @: shoulder]; [bodyloc @: $ligament#J] \
tendinopathy
  pseudogout
complication
  varus deformity; flexion contracture; [bodyloc @: $joint#J] ankylosis; falls risk; chronic pain
treatment
  physio; joint injection; knee brace; arthroscopy; total knee replacement; walking aid
  weight reduction; hydrotherapy
drug | strength | effect | form=tab; tabs; cap | route=$oral | dosage=$tabs | freq=$times
  diclofenac | 50 mg; 75 mg | heartburn; gastric ulcer
  naproxen; ${stem}profen | 250 mg; 500 mg | heartburn; wheeze
  meloxicam | 7.5 mg; 15 mg | ankle oedema
  etoricoxib; ${stem}coxib | 60 mg; 90 mg | ankle oedema; raised BP
  colchicine | 0.5 mg | diarrhoea
  prednisolone | 5 mg; 20 mg | high sugars; poor sleep
drug | strength | effect | form=gel | route=top; locally | dosage=thin strip; 2 cm | freq=bd; \
tds; q12h
  ketoprofen; ${stem}fenac | 2.5 %; 5 % | burning skin; blisters

== spine
diagnosis
  [bodyloc @: lumbar] radiculopathy; sciatica; [bodyloc @: cervical] radiculopathy; \
spondylolisthesis
  [bodyloc @: lumbar] stenosis; [bodyloc @: L5-S1] disc prolapse; [bodyloc @: sacroiliac] strain; \
lumbago
complication
  urinary retention; [bodyloc @: leg] weakness; kyphosis; [bodyloc @: psoas] abscess
  saddle anaesthesia
treatment
  discectomy; decompression; kyphoplasty; nerve root block; spinal fusion; corset
  traction; back school
drug | strength | effect | form=tab; cap | route=$oral | dosage=$tabs | freq=$times
  gabapentin | 100 mg; 300 mg | light-headedness; somnolence
  pregabalin; ${stem}gabalin | 75 mg; 150 mg | light-headedness; dry mouth
  baclofen | 5 mg; 10 mg | somnolence
  tizanidine | 2 mg; 4 mg | dry mouth
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
