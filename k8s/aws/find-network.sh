#!/usr/bin/env bash
# find-network.sh CLUSTER: makes what the data stores need of the cluster's network, unless it is there, and
# prints the lines for k8s/account/<environment>/account.env. May run again at any time.
set -euo pipefail
cluster=$1

network=$(aws eks describe-cluster --name "$cluster" --query 'cluster.resourcesVpcConfig.[vpcId,clusterSecurityGroupId]' --output text)
read -r vpc nodes <<<"$network"

subnets=$(aws ec2 describe-subnets --filters "Name=vpc-id,Values=$vpc" "Name=tag:kubernetes.io/role/internal-elb,Values=1" --query 'sort_by(Subnets,&AvailabilityZone)[].SubnetId' --output text)
read -r subnet_a subnet_b subnet_c <<<"$subnets"

# PostgreSQL and Kafka answer the cluster's nodes and pods, and nobody else.
group=$(aws ec2 describe-security-groups --filters "Name=vpc-id,Values=$vpc" "Name=group-name,Values=autodeal-data" --query 'SecurityGroups[].GroupId' --output text)
if [ -z "$group" ]; then
  group=$(aws ec2 create-security-group --vpc-id "$vpc" --group-name autodeal-data --description "PostgreSQL and Kafka of AutoDeal" --query GroupId --output text)
  for port in 5432 9098; do
    aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port "$port" --source-group "$nodes" >&2
  done
  # The brokers talk to each other.
  aws ec2 authorize-security-group-ingress --group-id "$group" --protocol -1 --source-group "$group" >&2
fi

aws logs create-log-group --log-group-name /autodeal/kafka 2>/dev/null || true
aws logs put-retention-policy --log-group-name /autodeal/kafka --retention-in-days 30

echo "SUBNET_A=$subnet_a"
echo "SUBNET_B=$subnet_b"
echo "SUBNET_C=$subnet_c"
echo "DATA_SECURITY_GROUP=$group"
