{{/* Secrets come from outside: from a store by ExternalSecret, or as a Secret that is there already. */}}

{{/* Takes root and a suffix: the release's Secret, or the one made for its hooks. */}}
{{- define "autodeal.secretName" -}}
{{ .root.Values.secrets.existingSecret | default (printf "%s-%s" .root.Release.Name .suffix) }}
{{- end }}

{{- define "autodeal.secretSpec" -}}
{{- $secrets := .root.Values.secrets -}}
refreshInterval: {{ $secrets.externalSecret.refreshInterval }}
secretStoreRef:
  kind: {{ $secrets.externalSecret.store.kind }}
  name: {{ $secrets.externalSecret.store.name }}
target:
  name: {{ include "autodeal.secretName" . }}
  creationPolicy: Owner
  deletionPolicy: Retain
data:
  {{- range $key := .keys }}
  {{- with get $secrets.keys $key }}
  - secretKey: {{ $key }}
    remoteRef:
      key: {{ .remoteKey }}
      {{- with .property }}
      property: {{ . }}
      {{- end }}
  {{- end }}
  {{- end }}
{{- end }}

{{- define "autodeal.externalSecret" -}}
{{- if and .Values.secrets.externalSecret.enabled .Values.secrets.keys }}
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: {{ .Release.Name }}-secrets
  labels:
    {{- include "autodeal.labels" (dict "root" .) | nindent 4 }}
spec:
  {{- include "autodeal.secretSpec" (dict "root" . "suffix" "secrets" "keys" (keys .Values.secrets.keys | sortAlpha)) | nindent 2 }}
{{- end }}
{{- end }}

{{/* Takes root, suffix and files: a volume with exactly these keys, readable by the process's group. */}}
{{- define "autodeal.secretVolume" -}}
{{- with .files }}
- name: secrets
  secret:
    secretName: {{ include "autodeal.secretName" $ }}
    defaultMode: 0440
    items:
      {{- range . }}
      - key: {{ . }}
        path: {{ . }}
      {{- end }}
{{- end }}
{{- end }}
