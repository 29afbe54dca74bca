{{/* Names and labels; the longest suffix is kept in mind, so that all of them fit a DNS label. */}}

{{- define "runs-fleet.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "runs-fleet.fullname" -}}
{{- $name := include "runs-fleet.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* component: (dict "root" $ "component" "api") */}}
{{- define "runs-fleet.selector" -}}
app.kubernetes.io/name: {{ ternary "valkey" (include "runs-fleet.name" .root) (eq .component "valkey") }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "runs-fleet.labels" -}}
{{ include "runs-fleet.selector" . }}
app.kubernetes.io/part-of: runs-fleet
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* account: (dict "root" $ "component" "api" "account" .Values.api.serviceAccount) */}}
{{- define "runs-fleet.account" -}}
{{- if .account.create -}}
{{- .account.name | default (printf "%s-%s" (include "runs-fleet.fullname" .root) .component) -}}
{{- else -}}
{{- .account.name | default "default" -}}
{{- end -}}
{{- end }}

{{- define "runs-fleet.runnersNamespace" -}}
{{- .Values.runners.namespace | default (printf "%s-runners" .Release.Namespace) -}}
{{- end }}

{{- define "runs-fleet.runnerAccount" -}}
{{- include "runs-fleet.account" (dict "root" . "component" "runner" "account" .Values.runners.serviceAccount) -}}
{{- end }}

{{/* Classes belong to the whole cluster, where another namespace may have a release of this name. */}}
{{- define "runs-fleet.classBase" -}}
{{- $name := include "runs-fleet.fullname" . -}}
{{- if eq $name .Release.Namespace }}{{ $name }}{{ else }}{{ printf "%s-%s" .Release.Namespace $name }}{{ end -}}
{{- end }}

{{/* (dict "root" $ "kind" "runner"); without `create` a name that is not given is nobody's */}}
{{- define "runs-fleet.priorityClass" -}}
{{- $classes := .root.Values.runners.priorityClasses -}}
{{- $made := ternary (printf "%s-%s" (include "runs-fleet.classBase" .root) .kind) "" $classes.create -}}
{{- index $classes .kind | default $made -}}
{{- end }}

{{- define "runs-fleet.secret" -}}
{{- .Values.secrets.existingSecret | default (include "runs-fleet.fullname" .) -}}
{{- end }}

{{- define "runs-fleet.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository ($image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end }}

{{- define "runs-fleet.backends" -}}
{{- $backends := list -}}
{{- range $mode := list "k8s" "ec2" -}}
{{- if (index $.Values.workers $mode).enabled }}{{ $backends = append $backends $mode }}{{ end -}}
{{- end -}}
{{- join "," $backends -}}
{{- end }}

{{- define "runs-fleet.defaultBackend" -}}
{{- .Values.api.defaultBackend | default (ternary "k8s" "ec2" .Values.workers.k8s.enabled) -}}
{{- end }}

{{/* Kubernetes mode has its queues on Valkey; EC2 mode alone does without. */}}
{{- define "runs-fleet.usesValkey" -}}
{{- if .Values.workers.k8s.enabled }}yes{{ end -}}
{{- end }}

{{- define "runs-fleet.ownValkey" -}}
{{- if and .Values.valkey.enabled .Values.workers.k8s.enabled }}yes{{ end -}}
{{- end }}

{{- define "runs-fleet.valkeyUrl" -}}
{{- if .Values.valkey.enabled -}}
redis://{{ include "runs-fleet.fullname" . }}-valkey.{{ .Release.Namespace }}.svc:6379
{{- else -}}
{{- .Values.valkey.external.url -}}
{{- end -}}
{{- end }}

{{/* The content of a pools.yaml, or nothing when no pool is asked for. */}}
{{- define "runs-fleet.pools" -}}
{{- if or .Values.pools .Values.ephemeralPools -}}
pools:
{{ toYaml .Values.pools }}
{{- with .Values.ephemeralPools }}
ephemeral:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
{{- end }}

{{/* A number from a values file is a float, which would be written as 1e+06. */}}
{{- define "runs-fleet.text" -}}
{{- if kindIs "float64" . }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- end }}

{{/* A map as key=value,key=value */}}
{{- define "runs-fleet.pairs" -}}
{{- $pairs := list -}}
{{- range $key, $value := . }}{{ $pairs = append $pairs (printf "%s=%s" $key $value) }}{{ end -}}
{{- join "," $pairs -}}
{{- end }}
