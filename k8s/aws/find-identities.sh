#!/usr/bin/env bash
# find-identities.sh: prints what AWS has named by itself, for k8s/account/<environment>/account.env and the
# charts' values. Changes nothing.
set -euo pipefail

pool=$(aws cognito-idp list-user-pools --max-results 60 --query "UserPools[?Name=='autodeal'].Id" --output text)
database=$(aws rds describe-db-instances --db-instance-identifier autodeal-vehicle --query 'DBInstances[0].[DbiResourceId,Endpoint.Address]' --output text)
read -r database_id database_address <<<"$database"
kafka=$(aws kafka list-clusters-v2 --cluster-name-filter autodeal --query 'ClusterInfoList[0].ClusterArn' --output text)
brokers=$(aws kafka get-bootstrap-brokers --cluster-arn "$kafka" --query BootstrapBrokerStringSaslIam --output text)

echo "USER_POOL_ID=$pool"
echo "DATABASE_USER=$database_id/vehicle"
echo "# for the charts' values:"
echo "DATABASE_URL=postgresql://vehicle@$database_address:5432/vehicle"
echo "KAFKA_BOOTSTRAP_SERVERS=$brokers"
