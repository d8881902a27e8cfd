{{/* Names, labels and the image. A "part" is a dict of root (the chart's own context) and component. */}}

{{- define "autodeal.component" -}}
{{ .root.Release.Name }}-{{ .component }}
{{- end }}

{{- define "autodeal.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{- define "autodeal.podLabels" -}}
{{ include "autodeal.selector" . }}
app.kubernetes.io/part-of: autodeal
app.kubernetes.io/version: {{ .root.Values.image.tag | default .root.Chart.AppVersion | trunc 63 | trimAll "._-" | quote }}
{{- end }}

{{- define "autodeal.labels" -}}
{{ include "autodeal.podLabels" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* A digest wins over a tag: it names one image for ever. */}}
{{- define "autodeal.image" -}}
{{- $image := .Values.image -}}
{{- $name := list $image.registry $image.repository | compact | join "/" -}}
{{- if $image.digest -}}
{{ $name }}@{{ $image.digest }}
{{- else -}}
{{ $name }}:{{ $image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}
