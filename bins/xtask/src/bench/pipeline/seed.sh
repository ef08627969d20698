#!/usr/bin/env bash
# The workflow that this project replaces, from the push of a commit to the health check, with its steps as its own
# documentation has them. Left out on both sides: the build, the analysis, the message. Other than there:
# - `docker push` is `skopeo copy` of the same image, for there is no docker here;
# - GitHub's expressions are HEAD~1 and HEAD, the services' names a variable;
# - $STAGES is told when each step begins.
set -e
stage() { echo "$1 $(date +%s.%N)" >> "$STAGES"; }

stage detect
CHANGED_SERVICES=$(git diff --name-only HEAD~1 HEAD | \
  grep '^services/' | \
  cut -d'/' -f2 | \
  sort -u | \
  jq -R -s -c 'split("\n")[:-1]')
SERVICES=$(echo "$CHANGED_SERVICES" | jq -r '.[]')
COMMIT_SHA=$(git rev-parse HEAD)

stage push
for SERVICE in $SERVICES; do
  ECR_REPO="$REGISTRY/dev/$SERVICE"
  for TAG in latest "$COMMIT_SHA"; do
    skopeo copy --quiet --dest-tls-verify=false "oci:services/$SERVICE/target/image" "docker://$ECR_REPO:$TAG"
  done
done

stage rollout
if [ -n "$SERVICES" ]; then
  for SERVICE in $SERVICES; do
    aws ecs update-service --cluster sdt-dev --service "sdt-dev-$SERVICE" --force-new-deployment > /dev/null
  done
  # shellcheck disable=SC2086
  aws ecs wait services-stable --cluster sdt-dev --services $(printf 'sdt-dev-%s ' $SERVICES)
fi

stage health
for service in $SERVICES; do
  HEALTH_URL="http://${ALB_DNS}/api/${service}/actuator/health"
  STATUS=$(curl -s -o /dev/null -w "%{http_code}" "$HEALTH_URL")
  if [ "$STATUS" -ne 200 ]; then
    echo "Health check failed for $service"
    exit 1
  fi
done
stage end
