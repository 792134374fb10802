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
  before meals; after breakfast; mane; nocte; bd; tds with food; in two split doses; every 8 weeks
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
  breath test; faecal elastase | {18-420} ug/g | >200 ug/g
  alpha-fetoprotein; vitamin B12 | {4-610} ug/L | <10 ug/L
imaging | shows
  gastroscopy; upper GI endoscopy | [bodyloc @: antral] gastritis; hiatus hernia; [bodyloc @: \
duodenal] ulcer; [bodyloc @: oesophageal] varix; Schatzki ring
  colonoscopy to caecum; flexible sigmoidoscopy | [bodyloc @: $part] polyp; [bodyloc @: $part] \
inflammation; haemorrhoid; pseudopolyp
  MRCP; upper [bodyloc @: abdominal] ultrasound; FibroScan | [bodyloc @: common bile duct] stone; \
coarse liver echotexture; gallbladder sludge; [bodyloc @: portal vein] thrombosis
  capsule study; MR enterography | [bodyloc @: jejunal] angioectasia; [bodyloc @: ileal] \
stricture; fat wrapping
drug | strength | effect | form=capsule; wafer | route=$oral | dosage=$tabs | freq=$times
  hyoscine; loperamide; metoclopramide; ${stem}pride | 2 mg; 10 mg; 20 mg | facial twitching; \
urinary hesitancy
  macrogol; psyllium; ${stem}biotic | 3.4 g; 13.1 g | wind; fullness

== upper
diagnosis
  reflux disease; peptic ulcer disease; eosinophilic oesophagitis; achalasia; gastroparesis
  functional dyspepsia; [bodyloc @: Helicobacter] gastritis
complication
  food bolus obstruction; upper GI haemorrhage; aspiration; [bodyloc @: oesophageal] stricture
  haematemesis; gastric outlet obstruction
treatment
  balloon dilatation; endoscopic clipping; Heller myotomy; argon coagulation; food exclusion diet
  raised bed head
drug | strength | effect | form=capsule; tablet | route=$oral | dosage=$tabs | freq=$times
  esomeprazole; rabeprazole; lansoprazole; famotidine; ${stem}prazole | 15 mg; 20 mg; 30 mg | low \
serum magnesium; microscopic colitis; fundic gland polyps
  clarithromycin; tetracycline; sucralfate; bismuth | 120 mg; 500 mg; 1 g | black tongue; \
oesophageal ulceration; bitter taste

== bowel
diagnosis
  Crohn disease; ulcerative proctitis; microscopic colitis; coeliac disease
  irritable bowel syndrome; diverticulitis; pouchitis; [bodyloc @: $part] colitis
complication
  toxic megacolon; [bodyloc @: perianal] fistula; enterocutaneous fistula
  protein-losing enteropathy; erythema nodosum; [bodyloc @: pelvic] abscess
treatment
  colectomy; seton insertion; exclusive enteral nutrition; gluten-free diet; faecal transplant
  stricturoplasty; FODMAP restriction
drug | strength | effect | form=granules; enema; suppository | route=per rectum; PR | dosage=one enema; 1 sachet | freq=nocte; $times
  mesalazine; sulfasalazine; ${stem}lazine | 500 mg; 1.5 g; 4 g | pancreatitis; reversible \
infertility; interstitial inflammation
drug | strength | effect | form=autoinjector; infusion | route=SC injection; infused | dosage=one pen; two pens | freq=every 8 weeks; each fortnight
  infliximab; adalimumab; vedolizumab; ustekinumab; ${stem}kinumab | 40 mg; 300 mg; 90 mg | \
psoriasiform rash; latent TB reactivation; serum sickness
  mercaptopurine; tofacitinib; ${stem}citinib | 5 mg; 50 mg; 75 mg | shingles; marrow suppression

== liver
diagnosis
  alcoholic cirrhosis; autoimmune hepatitis; primary biliary cholangitis; chronic hepatitis C
  fatty liver; Wilson disease; hepatocellular carcinoma
complication
  hepatic encephalopathy; variceal haemorrhage; spontaneous bacterial peritonitis
  hepatorenal syndrome; portal hypertension; coagulopathy
treatment
  variceal banding; TIPS insertion; large-volume paracentesis; liver transplantation
  alcohol abstinence; radiofrequency ablation; venesection
drug | strength | effect | form=tablet; syrup | route=$oral | dosage=$tabs | freq=$times
  rifaximin; ursodeoxycholic acid; nadolol; ${stem}cholic acid | 40 mg; 250 mg; 550 mg | \
sluggishness; lank hair; sticky stool
  sofosbuvir; entecavir; tenofovir; ${stem}asvir | 0.5 mg; 245 mg; 400 mg | bone density loss; \
lactic acidosis
  penicillamine; trientine; terlipressin | 0.85 mg; 300 mg | digital ischaemia; nephrotic leak

== biliary
diagnosis
  acute pancreatitis; choledocholithiasis; biliary colic; ascending cholangitis
  chronic pancreatitis; sphincter dysfunction; sclerosing cholangitis
complication
  pancreatic pseudocyst; exocrine insufficiency; [bodyloc @: splenic vein] thrombosis
  gallstone ileus; [bodyloc @: liver] abscess
treatment
  ERCP; sphincterotomy; plastic stent placement; laparoscopic gallbladder removal
  coeliac plexus block; nasojejunal feeding
drug | strength | effect | form=capsule | route=$oral | dosage=$tabs | freq=$times
  pancrelipase; colestyramine; ${stem}lipase | 4 g; 10000 units; 25000 units | mouth soreness; \
fibrosing colonopathy
  hydromorphone; buprenorphine; ceftriaxone; metronidazole | 400 mg; 2 mg; 20 mcg | biliary \
sludge; furry tongue; narcotic bowel
"""

_ENDOSCOPY_REPORT = (
    Section("Indication: ", charted.PATTERNS, "complaint|negated"),
    Section("Findings:\n", prose.PATTERNS, "imaging exam|treatment"),
    Section("Current medicines:\n", listed.PATTERNS, "order treats?", joint="\n"),
    Section("Recommendation: ", prose.PATTERNS, "doubt|causes|course plan|withheld admin"),
)
_CLINIC_NOTE = (
    Section("Re: clinic review\n", dictated.PATTERNS, "complaint negated|past|family"),
    Section("Results\n", listed.PATTERNS, "lab imaging?", joint="\n"),
    Section("Progress\n", prose.PATTERNS, "treats|effect|course causes?"),
    Section("To do\n", charted.PATTERNS, "plan|order withheld? admin"),
)
HOSPITAL = Hospital("gastroenterology", _WORDS, (_ENDOSCOPY_REPORT, _CLINIC_NOTE))
