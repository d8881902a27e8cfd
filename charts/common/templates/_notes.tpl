{{- define "autodeal.notes" -}}
{{ .Chart.Name }} {{ .Values.image.tag | default .Chart.AppVersion }} is installed as {{ .Release.Name }} in {{ .Release.Namespace }}.

Next:
  helm test {{ .Release.Name }} --namespace {{ .Release.Namespace }}     # its Service answers and is ready
  kubectl --namespace {{ .Release.Namespace }} get pods --selector app.kubernetes.io/instance={{ .Release.Name }}
{{- if hasKey .Values "worker" }}
  kubectl --namespace {{ .Release.Namespace }} exec deploy/{{ .Release.Name }}-worker -- autodeal-{{ .Chart.Name }} dlq list     # records that were given up
{{- end }}
{{- if not .Values.arm64.required }}

Pods may run on any architecture: set arm64.required where the image is built for arm64 alone.
{{- end }}
{{- if not .Values.networkPolicy.enabled }}

No NetworkPolicy is installed: set networkPolicy.enabled.
{{- end }}
{{- end }}
