"""What every adapter to AWS shares: its clients and the meaning of its errors."""
