{{- define "autodeal.httpScaling" -}}
{{- with .Values.http.autoscaling }}
{{- if .enabled }}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ $.Release.Name }}-http
  labels:
    {{- include "autodeal.labels" (dict "root" $ "component" "http") | nindent 4 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ $.Release.Name }}-http
  minReplicas: {{ .minReplicas }}
  maxReplicas: {{ .maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: {{ .targetCpuPercent }}
  behavior:
    scaleDown:
      stabilizationWindowSeconds: 300
{{- end }}
{{- end }}
{{- end }}

{{/* A consumer beyond the partitions' number would have nothing to read. */}}
{{- define "autodeal.workerScaling" -}}
{{- $keda := .Values.worker.keda }}
{{- if $keda.enabled }}
{{- $partitions := .Values.topics.partitions | int }}
{{- if gt ($keda.maxReplicas | int) $partitions }}
{{- fail (printf "worker.keda.maxReplicas is %v, more than the topics' %v partitions (topics.partitions)" $keda.maxReplicas $partitions) }}
{{- end }}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ .Release.Name }}-worker
  labels:
    {{- include "autodeal.labels" (dict "root" . "component" "worker") | nindent 4 }}
spec:
  scaleTargetRef:
    name: {{ .Release.Name }}-worker
  minReplicaCount: {{ $keda.minReplicas }}
  maxReplicaCount: {{ $keda.maxReplicas }}
  cooldownPeriod: 300
  triggers:
    {{- range $keda.topics }}
    - type: apache-kafka
      metadata:
        bootstrapServers: {{ $.Values.settings.KAFKA_BOOTSTRAP_SERVERS }}
        consumerGroup: {{ $keda.consumerGroup }}
        topic: {{ . }}
        lagThreshold: {{ $keda.lagThreshold | quote }}
        {{- if $keda.mskIam }}
        sasl: aws_msk_iam
        tls: enable
        awsRegion: {{ $.Values.settings.AWS_REGION }}
      authenticationRef:
        name: {{ $.Release.Name }}-worker
        {{- end }}
    {{- end }}
{{- end }}
{{- end }}

{{- define "autodeal.workerScalingIdentity" -}}
{{- $keda := .Values.worker.keda }}
{{- if and $keda.enabled $keda.mskIam }}
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata:
  name: {{ .Release.Name }}-worker
  labels:
    {{- include "autodeal.labels" (dict "root" . "component" "worker") | nindent 4 }}
spec:
  podIdentity:
    provider: aws
{{- end }}
{{- end }}

{{/* Takes a part. One pod at a time may be evicted: a drain proceeds, and the rest keeps working. */}}
{{- define "autodeal.disruptionBudget" -}}
{{- if .root.Values.disruptionBudget.enabled }}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "autodeal.component" . }}
  labels:
    {{- include "autodeal.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "autodeal.selector" . | nindent 6 }}
{{- end }}
{{- end }}
