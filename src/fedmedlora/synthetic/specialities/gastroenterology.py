"""Gastroenterology practice in Australia: endoscopy reports and short clinic notes."""

from fedmedlora.synthetic.layout import Hospital, Section
from fedmedlora.synthetic.manners import charted, dictated, listed, prose

_WORDS = """
age
  {21-83}
aged
  {21-83} years; {21-83}yo
oral
  by mouth; swallowed whole
tabs
  2 caps; one cap; 1 tab; 4 tabs; 20 mL
times
  before meals; after breakfast; mane; nocte; bd; tds with food; in two split doses
stem
  gastri; hepa; coli; lumi; ento; bili; pylo; meso
part
  sigmoid; caecal; rectal; terminal ileal; ascending; splenic flexure; antral; duodenal
when
  on the day; at the last review; fasting; on table
trigger
  after fatty food; on bending; after wheat; with stress; before opening the bowels; after alcohol
  on an empty stomach; after dairy
symptom
  heartburn; [bodyloc @: right upper quadrant] pain; bloating; belching; rectal bleeding; tenesmus
  odynophagia; steatorrhoea
  urgency; [bodyloc @: retrosternal] burning; [bodyloc @: anal] itch; pale stool; dark urine
  waterbrash; [bodyloc @: umbilical] cramp; flatulence
sign
  spider naevus; [bodyloc @: epigastric] guarding; shifting dullness; palmar erythema
  [bodyloc @: perianal] skin tag; asterixis
  [bodyloc @: liver] edge tenderness; scleral icterus; [bodyloc @: rectal] prolapse; caput medusae
  Murphy sign
past
  coeliac disease; irritable bowel syndrome
  rosacea; hypertension; diverticulosis; impaired glucose tolerance; sarcoidosis
  pernicious anaemia; haemochromatosis; lactase deficiency; Gilbert syndrome; pilonidal disease
  bile salt malabsorption; Peutz-Jeghers syndrome
operation
  fundoplication; sleeve gastrectomy; ileostomy; splenectomy; hemicolectomy; laparoscopy
test | value | range
  faecal calprotectin | {40-1900} ug/g | <50 ug/g
  lipase; amylase | {28-1450} U/L | <60 U/L
  GGT; AST | {18-640} U/L | <50 U/L
  tissue transglutaminase; coeliac serology | {3-128} U/mL | <15 U/mL
  faecal elastase | {18-420} ug/g | >200 ug/g
  alpha-fetoprotein | {4-610} ug/L | <10 ug/L
  vitamin B12 | {90-680} pmol/L | 140-650 pmol/L
imaging | shows
  gastroscopy; upper GI endoscopy | [bodyloc @: antral] gastritis; hiatus hernia; [bodyloc @: \
duodenal] ulcer; [bodyloc @: oesophageal] varix; Schatzki ring
  colonoscopy to caecum; flexible sigmoidoscopy | [bodyloc @: $part#L] polyp; [bodyloc @: \
$part#L] inflammation; haemorrhoid; pseudopolyp
  MRCP; upper [bodyloc @: abdominal] ultrasound; FibroScan | [bodyloc @: common bile duct] stone; \
coarse liver echotexture; gallbladder sludge; [bodyloc @: portal vein] thrombosis
  capsule study; MR enterography | [bodyloc @: jejunal] angioectasia; [bodyloc @: ileal] \
stricture; fat wrapping
drug | strength | effect | form=capsule; wafer | route=$oral | dosage=$tabs | freq=$times
  hyoscine; ${stem}verine | 10 mg; 20 mg | urinary hesitancy
  hydromorphone | 2 mg; 4 mg | narcotic bowel
  ${stem}oxacin | 250 mg; 500 mg | tendon soreness; furry tongue
  loperamide | 2 mg | stomach distension
  metoclopramide; ${stem}pride | 5 mg; 10 mg | facial twitching
  macrogol; psyllium; ${stem}biotic | 3.4 g; 13.1 g | wind; fullness

== upper
diagnosis
  reflux disease; peptic ulcer disease; eosinophilic oesophagitis; achalasia; gastroparesis
  functional dyspepsia; [bodyloc @: antral] gastritis
complication
  food bolus obstruction; upper GI haemorrhage; aspiration; [bodyloc @: oesophageal] stricture
  haematemesis; gastric outlet obstruction
treatment
  balloon dilatation; endoscopic clipping; Heller myotomy; argon coagulation; food exclusion diet
  raised bed head
drug | strength | effect | form=capsule; tablet | route=$oral | dosage=$tabs | freq=$times
  esomeprazole; rabeprazole; ${stem}prazole | 20 mg; 40 mg | low serum magnesium; microscopic \
colitis
  lansoprazole | 15 mg; 30 mg | fundic gland polyps
  famotidine | 20 mg; 40 mg | vivid dreaming
  sucralfate; ${stem}alfate | 1 g | bitter taste; black tongue

== bowel
diagnosis
  Crohn disease; ulcerative proctitis; indeterminate colitis; pouchitis; [bodyloc @: $part#L] \
colitis
  [bodyloc @: $part#L] Crohn disease; pancolitis
complication
  toxic megacolon; [bodyloc @: perianal] fistula; enterocutaneous fistula
  protein-losing enteropathy; erythema nodosum; [bodyloc @: pelvic] abscess
treatment
  colectomy; seton insertion; exclusive enteral nutrition; stricturoplasty; faecal transplant
  ileocaecal resection; defunctioning stoma
drug | strength | effect | form=enema | route=per rectum; PR | dosage=one enema | freq=nocte; $times
  mesalazine; ${stem}lazine | 1 g; 2 g; 4 g | pancreatitis; interstitial inflammation
  hydrocortisone acetate | 100 mg | anal irritation
drug | strength | effect | form=infusion | route=infused | dosage=one infusion | freq=every 8 \
weeks; every 6 weeks
  infliximab; vedolizumab | 300 mg; 400 mg | serum sickness; latent TB reactivation
drug | strength | effect | form=autoinjector | route=SC injection | dosage=one pen; two pens | \
freq=each fortnight; every 12 weeks
  adalimumab | 40 mg; 80 mg | psoriasiform rash
  ustekinumab; ${stem}kinumab | 90 mg; 130 mg | injection site welt

== cirrhosis
diagnosis
  alcoholic cirrhosis; primary biliary cholangitis; cryptogenic cirrhosis; fatty liver disease
  cardiac cirrhosis; decompensated cirrhosis; autoimmune hepatitis
complication
  hepatic encephalopathy; variceal haemorrhage; spontaneous bacterial peritonitis
  hepatorenal syndrome; portal hypertension; coagulopathy
treatment
  variceal banding; TIPS insertion; albumin infusion; liver transplantation
  alcohol abstinence; radiofrequency ablation; venesection
drug | strength | effect | form=tablet; syrup | route=$oral | dosage=$tabs | freq=$times
  rifaximin | 550 mg | sluggishness
  ursodeoxycholic acid; ${stem}cholic acid | 250 mg; 500 mg | sticky stool; lank hair
  nadolol | 40 mg; 80 mg | sluggishness

== viral hepatitis
diagnosis
  chronic hepatitis C; chronic hepatitis B; HBeAg-negative hepatitis; hepatitis flare; delta \
hepatitis
complication
  advanced liver fibrosis; cryoglobulinaemia; [bodyloc @: hepatic] decompensation; acute liver \
failure
treatment
  liver transplantation; contact tracing; needle exchange; liver biopsy; surveillance programme
drug | strength | effect | form=tablet | route=$oral | dosage=$tabs | freq=$times
  sofosbuvir; ${stem}asvir | 60 mg; 400 mg | lactic acidosis
  tenofovir; entecavir | 245 mg; 300 mg | bone density loss

== pancreas
diagnosis
  chronic pancreatitis; acute pancreatitis; recurrent pancreatitis; gallstone pancreatitis
  autoimmune pancreatitis; pancreas divisum
complication
  pancreatic pseudocyst; exocrine insufficiency; [bodyloc @: splenic vein] thrombosis
  gallstone ileus; [bodyloc @: liver] abscess
treatment
  ERCP; sphincterotomy; plastic stent placement; laparoscopic gallbladder removal
  coeliac plexus block; nasojejunal feeding
drug | strength | effect | form=capsule | route=$oral | dosage=$tabs | freq=$times
  pancrelipase; pancreatin; ${stem}lipase; ${stem}pase | 10000 units; 25000 units | mouth \
soreness; fibrosing colonopathy
"""

_ENDOSCOPY_REPORT = (
    Section("Indication: ", charted.PATTERNS, "complaint|negated"),
    Section("Findings:\n", prose.PATTERNS, "imaging exam|treatment"),
    Section("Current medicines:\n", listed.PATTERNS, "mainstay order?", joint="\n"),
    Section("Recommendation: ", prose.PATTERNS, "treats|doubt|causes|course plan|withheld admin"),
)
_CLINIC_NOTE = (
    Section("Re: clinic review\n", dictated.PATTERNS, "complaint negated|past|family"),
    Section("Results\n", listed.PATTERNS, "lab imaging?", joint="\n"),
    Section("Progress\n", prose.PATTERNS, "treats|effect|course causes?"),
    Section("To do\n", charted.PATTERNS, "plan|order withheld? admin"),
)
HOSPITAL = Hospital("gastroenterology", _WORDS, (_ENDOSCOPY_REPORT, _CLINIC_NOTE))
