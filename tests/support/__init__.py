"""What several tests stand on: real processes and servers, started on free ports and gone for sure afterwards."""
