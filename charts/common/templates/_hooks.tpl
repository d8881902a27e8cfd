{{/*
Jobs before an installation or upgrade: the database's migration, the topics. Helm runs them before it
makes anything of the release, so all that they need is a hook too, of an earlier weight.
*/}}

{{/* Takes the weight. What a failed hook leaves is there to be read, until the next attempt. */}}
{{- define "autodeal.hook" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{- define "autodeal.hookServiceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .Release.Name }}-migrate
  labels:
    {{- include "autodeal.labels" (dict "root" . "component" "migrate") | nindent 4 }}
  annotations:
    {{- include "autodeal.hook" -10 | nindent 4 }}
    {{- include "autodeal.identityAnnotations" . | nindent 4 }}
automountServiceAccountToken: false
{{- end }}

{{- define "autodeal.hookSecret" -}}
{{- $keys := concat .Values.migrations.secretKeys .Values.topics.secretKeys | uniq | sortAlpha -}}
{{- if and .Values.secrets.externalSecret.enabled $keys }}
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: {{ .Release.Name }}-migrate
  labels:
    {{- include "autodeal.labels" (dict "root" . "component" "migrate") | nindent 4 }}
  annotations:
    {{- include "autodeal.hook" -10 | nindent 4 }}
spec:
  {{- include "autodeal.secretSpec" (dict "root" . "suffix" "migrate" "keys" $keys) | nindent 2 }}
{{- end }}
{{- end }}

{{/* Takes a part with values (of the hook), command, weight and maybe an environment. */}}
{{- define "autodeal.hookJob" -}}
{{- $files := append (.values.secretKeys | sortAlpha) .root.Values.identity.credentialsKey | compact -}}
{{- $part := merge (dict "files" $files "suffix" "migrate") . -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "autodeal.component" . }}
  labels:
    {{- include "autodeal.labels" . | nindent 4 }}
  annotations:
    {{- include "autodeal.hook" .weight | nindent 4 }}
spec:
  backoffLimit: {{ .values.retries }}
  activeDeadlineSeconds: {{ .values.deadlineSeconds }}
  ttlSecondsAfterFinished: 86400
  template:
    metadata:
      labels:
        {{- include "autodeal.podLabels" . | nindent 8 }}
    spec:
      restartPolicy: Never
      serviceAccountName: {{ .root.Release.Name }}-migrate
      {{- include "autodeal.podBasics" $part | nindent 6 }}
      containers:
        - name: {{ .component }}
          args: [{{ .command }}]
          env:
            {{- include "autodeal.settingsInline" .root | nindent 12 }}
            {{- include "autodeal.secretFiles" $part | nindent 12 }}
            {{- range $name, $value := .environment }}
            - name: {{ $name }}
              value: {{ $value | quote }}
            {{- end }}
          resources:
            {{- toYaml .values.resources | nindent 12 }}
          {{- include "autodeal.containerBasics" $part | nindent 10 }}
{{- end }}

{{- define "autodeal.migrateJob" -}}
{{- if .Values.migrations.enabled }}
{{ include "autodeal.hookJob" (dict "root" . "component" "migrate" "values" .Values.migrations "command" "migrate" "weight" 0) }}
{{- end }}
{{- end }}

{{- define "autodeal.topicsJob" -}}
{{- if .Values.topics.enabled }}
{{- $environment := dict "KAFKA_TOPIC_PARTITIONS" .Values.topics.partitions "KAFKA_TOPIC_REPLICATION" .Values.topics.replication }}
{{- /* All copies but one must have a record: one broker may be away, and nothing is lost with it. */}}
{{- $_ := sub .Values.topics.replication 1 | max 1 | set $environment "KAFKA_TOPIC_MIN_INSYNC_REPLICAS" }}
{{ include "autodeal.hookJob" (dict "root" . "component" "topics" "values" .Values.topics "environment" $environment "command" "topics" "weight" 1) }}
{{- end }}
{{- end }}
