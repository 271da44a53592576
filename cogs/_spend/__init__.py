"""What was spent: `/token-stats`, its picture and its lists, `/my-usage`, receipts, reports."""
