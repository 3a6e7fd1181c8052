"""The foundations of a stage: bucket, catalog, crawler, workgroup and views, made once and kept as declared.

`python -m glue_setup plan|apply|destroy|policies|wire --stage STAGE`
"""
