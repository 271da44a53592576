"""The front desk: each cog takes what people do in Discord to the services, and brings the answer back."""
