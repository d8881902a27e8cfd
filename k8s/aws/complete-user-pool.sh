#!/usr/bin/env bash
# complete-user-pool.sh USER_POOL_ID: makes the groups and the one client of the pool, for which ACK has no
# resources, unless they are there; prints the client's id, which is COGNITO_CLIENT_ID in the charts' values.
# May run again at any time.
set -euo pipefail
pool=$1

for group in Admin Buyer; do
  aws cognito-idp get-group --user-pool-id "$pool" --group-name "$group" >/dev/null 2>&1 ||
    aws cognito-idp create-group --user-pool-id "$pool" --group-name "$group" >/dev/null
done

client=$(aws cognito-idp list-user-pool-clients --user-pool-id "$pool" --max-results 60 --query "UserPoolClients[?ClientName=='autodeal'].ClientId" --output text)
if [ -z "$client" ]; then
  # The gateway logs people in with their password; an unknown address is answered like a wrong password.
  client=$(aws cognito-idp create-user-pool-client --user-pool-id "$pool" --client-name autodeal --explicit-auth-flows ALLOW_USER_PASSWORD_AUTH ALLOW_REFRESH_TOKEN_AUTH --prevent-user-existence-errors ENABLED --access-token-validity 60 --token-validity-units AccessToken=minutes --no-generate-secret --query UserPoolClient.ClientId --output text)
fi
echo "COGNITO_CLIENT_ID=$client"
