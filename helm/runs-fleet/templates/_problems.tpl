{{/* What the schema cannot see: all of it at once, each with its value's name and a cure. */}}

{{- define "runs-fleet.check" -}}
{{- $problems := concat
      (include "runs-fleet.problems.required" . | fromYamlArray)
      (include "runs-fleet.problems.secrets" . | fromYamlArray)
      (include "runs-fleet.problems.valkey" . | fromYamlArray)
      (include "runs-fleet.problems.places" . | fromYamlArray) -}}
{{- if $problems }}
{{- fail (printf "\n\nThe values do not fit together:\n- %s\n" (join "\n- " $problems)) }}
{{- end }}
{{- end }}

{{- define "runs-fleet.problems.required" -}}
{{- $found := list -}}
{{- $values := .Values -}}
{{- if not $values.image.repository }}{{ $found = append $found "image.repository: missing; the image `server` of docs/images.md, without its tag" }}{{ end -}}
{{- if not $values.temporal.address }}{{ $found = append $found "temporal.address: missing; host:port of the Temporal service" }}{{ end -}}
{{- if not $values.github.appId }}{{ $found = append $found "github.appId: missing; the id or client id of the GitHub App" }}{{ end -}}
{{- if not (include "runs-fleet.backends" .) }}{{ $found = append $found "workers: none is enabled; set workers.k8s.enabled or workers.ec2.enabled" }}{{ end -}}
{{- if and $values.workers.k8s.enabled (not $values.runners.image) }}{{ $found = append $found "runners.image: missing; the image `runner` of docs/images.md, with its tag" }}{{ end -}}
{{- if $values.workers.ec2.enabled -}}
{{- range $name := list "RUNS_FLEET_EC2_SUBNETS" "RUNS_FLEET_EC2_REPORTS_QUEUE_URL" -}}
{{- if not (index $values.config $name) }}{{ $found = append $found (printf "config.%s: missing, and workers.ec2.enabled is set" $name) }}{{ end -}}
{{- end -}}
{{- if not (or $values.config.RUNS_FLEET_EC2_LAUNCH_TEMPLATE_AMD64 $values.config.RUNS_FLEET_EC2_LAUNCH_TEMPLATE_ARM64) }}{{ $found = append $found "config.RUNS_FLEET_EC2_LAUNCH_TEMPLATE_AMD64: missing, or that of ARM64, and workers.ec2.enabled is set" }}{{ end -}}
{{- end -}}
{{- toYaml $found -}}
{{- end }}

{{- define "runs-fleet.problems.secrets" -}}
{{- $found := list -}}
{{- $secrets := .Values.secrets -}}
{{- $needed := list "githubPrivateKey" "webhookSecrets" "reportSecret" -}}
{{- if include "runs-fleet.usesValkey" . }}{{ $needed = concat $needed (list "valkeyPassword" "valkeyRunnerPassword") }}{{ end -}}
{{- range $name := $needed -}}
{{- if not (or $secrets.existingSecret (index $secrets $name)) }}{{ $found = append $found (printf "secrets.%s: missing; give it, or a Secret that has it in secrets.existingSecret" $name) }}{{ end -}}
{{- end -}}
{{- if $secrets.existingSecret -}}
{{- range $name := concat $needed (list "temporalApiKey") | uniq -}}
{{- if index $secrets $name }}{{ $found = append $found (printf "secrets.%s: stands beside secrets.existingSecret; give one of them" $name) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if and $secrets.valkeyPassword (eq $secrets.valkeyPassword $secrets.valkeyRunnerPassword) }}{{ $found = append $found "secrets.valkeyRunnerPassword: must not be secrets.valkeyPassword, for jobs can read it" }}{{ end -}}
{{- toYaml $found -}}
{{- end }}

{{- define "runs-fleet.problems.valkey" -}}
{{- $found := list -}}
{{- $valkey := .Values.valkey -}}
{{- if include "runs-fleet.usesValkey" . -}}
{{- if and $valkey.enabled $valkey.external.url }}{{ $found = append $found "valkey.external.url: stands beside valkey.enabled; give one of them" }}{{ end -}}
{{- if not (or $valkey.enabled $valkey.external.url) }}{{ $found = append $found "valkey.external.url: missing, and valkey.enabled is false" }}{{ end -}}
{{- if and $valkey.external.caSecret (not (hasPrefix "rediss:" $valkey.external.url)) }}{{ $found = append $found "valkey.external.caSecret: is for a rediss address in valkey.external.url" }}{{ end -}}
{{- if eq $valkey.users.fleet $valkey.users.runner }}{{ $found = append $found "valkey.users.runner: must not be valkey.users.fleet" }}{{ end -}}
{{- end -}}
{{- toYaml $found -}}
{{- end }}

{{- define "runs-fleet.problems.places" -}}
{{- $found := list -}}
{{- $namespace := include "runs-fleet.runnersNamespace" . -}}
{{- if gt (len $namespace) 63 }}{{ $found = append $found (printf "runners.namespace: %s is longer than 63 characters" $namespace) }}{{ end -}}
{{- $backend := .Values.api.defaultBackend -}}
{{- if and $backend (not (index .Values.workers $backend).enabled) }}{{ $found = append $found (printf "api.defaultBackend: %s, and workers.%s is not enabled" $backend $backend) }}{{ end -}}
{{- if and (include "runs-fleet.backends" .) .Values.temporal.tls.clientSecret (not .Values.temporal.tls.enabled) }}{{ $found = append $found "temporal.tls.clientSecret: needs temporal.tls.enabled" }}{{ end -}}
{{- toYaml $found -}}
{{- end }}
