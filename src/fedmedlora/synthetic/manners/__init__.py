"""Ways of writing, one file each: sentence patterns by idea, in the notation of `grammar`.

Every manner knows the same ideas; `#A` is the note's main drug, `#B` another drug of its story,
`#P` its diagnosis, `#S` its chief symptom, `#X` the patient.
"""
