#!/usr/bin/env bash
# find-kafka-configuration.sh: prints the brokers' configuration for k8s/account/<environment>/account.env, once
# ACK has made it. Changes nothing.
set -euo pipefail

arn=$(aws kafka list-configurations --query "Configurations[?Name=='autodeal'].Arn" --output text)
echo "KAFKA_CONFIGURATION_ARN=$arn"
