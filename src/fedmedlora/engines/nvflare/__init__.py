"""Questions and answers between hospitals, carried by NVFLARE."""
