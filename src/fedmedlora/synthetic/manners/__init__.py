"""Ways of writing, one file each: sentence patterns by idea, in the notation of `grammar`.

Every manner knows the same ideas. `#P` is the note's diagnosis, `#A` and `#T` the drug and the
treatment for it, `#B` another drug of its story, `#S` the chief symptom, `#X` the patient.
"""
