{{/* Pod Identity needs nothing here: its association names the ServiceAccount. IRSA is an annotation. */}}
{{- define "autodeal.identityAnnotations" -}}
{{- with .Values.identity.irsaRoleArn }}
eks.amazonaws.com/role-arn: {{ . }}
{{- end }}
{{- end }}

{{- define "autodeal.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .Release.Name }}
  labels:
    {{- include "autodeal.labels" (dict "root" .) | nindent 4 }}
  {{- with include "autodeal.identityAnnotations" . }}
  annotations:
    {{- . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}
