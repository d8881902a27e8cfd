{{- define "autodeal.httpService" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}
  labels:
    {{- include "autodeal.labels" (dict "root" . "component" "http") | nindent 4 }}
spec:
  ports:
    - name: http
      port: 80
      targetPort: http
  selector:
    {{- include "autodeal.selector" (dict "root" . "component" "http") | nindent 4 }}
{{- end }}

{{/* Nobody calls a worker; its Service is how Prometheus finds it. */}}
{{- define "autodeal.workerService" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}-worker
  labels:
    {{- include "autodeal.labels" (dict "root" . "component" "worker") | nindent 4 }}
spec:
  clusterIP: None
  ports:
    - name: metrics
      port: 9090
      targetPort: metrics
  selector:
    {{- include "autodeal.selector" (dict "root" . "component" "worker") | nindent 4 }}
{{- end }}
