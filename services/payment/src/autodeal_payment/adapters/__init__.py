"""The ports on real technology: DynamoDB, Mercado Pago, Cognito."""
