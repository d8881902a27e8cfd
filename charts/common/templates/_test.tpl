{{/* `helm test`: the release's Service answers, and its process is ready. Retried while endpoints settle. */}}
{{- define "autodeal.testPod" -}}
{{- $part := dict "root" . "component" "test" "files" list }}
apiVersion: v1
kind: Pod
metadata:
  name: {{ .Release.Name }}-test
  labels:
    {{- include "autodeal.labels" $part | nindent 4 }}
  annotations:
    helm.sh/hook: test
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  restartPolicy: Never
  activeDeadlineSeconds: 60
  {{- include "autodeal.podBasics" $part | nindent 2 }}
  containers:
    - name: test
      command: [/app/.venv/bin/python, -c]
      args:
        - |-
          {{- include "autodeal.testScript" . | nindent 10 }}
      resources:
        {{- toYaml .Values.test.resources | nindent 8 }}
      {{- include "autodeal.containerBasics" $part | nindent 6 }}
{{- end }}

{{- define "autodeal.testScript" -}}
import time, urllib.request
for attempt in range(10):
    try:
        with urllib.request.urlopen("http://{{ .Release.Name }}/readyz", timeout=3) as answer:
            raise SystemExit(print(answer.read().decode()))
    except OSError as error:
        print(error, flush=True)
        time.sleep(1)
raise SystemExit("http://{{ .Release.Name }}/readyz did not answer 200")
{{- end }}
