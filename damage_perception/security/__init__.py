"""SROS 2: who may say and hear what, as keys and signed permissions of the package's nodes.

ROS 2 encrypts and restricts by DDS Security. Each process has an enclave: a folder of a keystore
with its key, its certificate and its permissions. Nothing here needs ROS.
"""
