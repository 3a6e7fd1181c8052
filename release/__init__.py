"""Bringing the app to a stage and taking it away again: configure, deploy, smoke test, destroy, Terraform.

`python -m release deploy|configure|smoke|destroy|terraform --stage STAGE`
"""
