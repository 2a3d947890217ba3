"""The limits of one batch: how many instances one commit changes, and how large they are together.

etcd takes 128 operations and 1.5 MiB in a transaction. An instance that many hosts have given back takes
some 40 KiB.
"""

BATCH = 100
BATCH_BYTES = 512 * 1024
