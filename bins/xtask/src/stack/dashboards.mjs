// usage: node check.mjs DASHBOARDS SCRATCH METRIC_RS
// Checks what types cannot say, prints "ok …" for each thing that holds, and writes SCRATCH/dashboards.ts for the compiler.
import fs from "node:fs";
import path from "node:path";

const [folder, scratch, source] = process.argv.slice(2);
const wanted = ["sdt-cost-monitoring-live.json", "sdt-cost-monitoring.json", "sdt-infrastructure.json", "sdt-service-overview.json"];

// Metrics of AWS by namespace, as its documentation lists them; those of dashboards here.
const aws = {
  "AWS/ECS": ["CPUUtilization", "MemoryUtilization"],
  "ECS/ContainerInsights": ["RunningTaskCount", "DesiredTaskCount", "PendingTaskCount", "NetworkRxBytes", "NetworkTxBytes", "ServiceCount", "TaskCount", "CpuUtilized", "CpuReserved", "MemoryUtilized", "MemoryReserved"],
  "AWS/ApplicationELB": ["RequestCount", "TargetResponseTime", "HTTPCode_Target_2XX_Count", "HTTPCode_Target_4XX_Count", "HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count", "HealthyHostCount", "UnHealthyHostCount", "ActiveConnectionCount", "RejectedConnectionCount", "ConsumedLCUs"],
  "AWS/NATGateway": ["BytesOutToDestination", "BytesInFromDestination", "ActiveConnectionCount", "ErrorPortAllocation", "PacketsDropCount"],
  "AWS/RDS": ["CPUUtilization", "DatabaseConnections", "FreeStorageSpace", "FreeableMemory", "ReadIOPS", "WriteIOPS", "ReadLatency", "WriteLatency"],
  "AWS/Lambda": ["Errors", "Duration", "Invocations", "Throttles"],
};

// Names that the cost exporter publishes, from its own source: to CloudWatch and to Prometheus.
function exporter() {
  if (!fs.existsSync(source)) return null;
  const text = fs.readFileSync(source, "utf8");
  const names = (method) => {
    const begin = text.indexOf(`fn ${method}(self)`);
    const body = text.slice(begin, text.indexOf("\n    }", begin));
    return [...body.matchAll(/Self::\w+ => "([^"]+)"/g)].map((match) => match[1]);
  };
  return { cloudwatch: names("cloudwatch"), prometheus: names("prometheus") };
}

const failures = [];
const fail = (file, text) => failures.push(`${file}: ${text}`);
const ok = (text) => console.log(`ok ${text}`);
const exported = exporter();
if (!exported) console.log(`note: ${source} is not there: names of the cost exporter's metrics are held against the list of this file`);
const costs = exported ?? {
  cloudwatch: ["DailyCost", "TodayCost", "YesterdayCost", "MonthToDateCost", "PreviousMonthCost", "CostPerHour", "ProjectedMonthCost", "ProjectedMonthCostLower", "ProjectedMonthCostUpper", "ChargebackCost", "BudgetLimit", "BudgetUsed", "BudgetProjected", "BudgetAlert", "EstimatedDays", "LatestDay", "ExporterRequests", "ExporterCost"],
  prometheus: ["aws_cost_day", "aws_cost_today", "aws_cost_yesterday", "aws_cost_month_to_date", "aws_cost_previous_month", "aws_cost_per_hour", "aws_cost_projected_month", "aws_cost_projected_month_lower", "aws_cost_projected_month_upper", "aws_cost_chargeback", "aws_cost_budget_limit", "aws_cost_budget_used_ratio", "aws_cost_budget_projected_ratio", "aws_cost_budget_alert", "aws_cost_estimated_dates", "aws_cost_latest_date_timestamp_seconds", "aws_cost_exporter_requests", "aws_cost_exporter_month_dollars"],
};

function metricsOf(file, panel, target) {
  if (target.expr !== undefined) {
    const names = [...target.expr.matchAll(/\b([a-z][a-z0-9_]*)\s*\{/g)].map((match) => match[1]);
    if (names.length === 0) fail(file, `panel ${panel.id} asks for no metric: ${target.expr}`);
    for (const name of names) if (!costs.prometheus.includes(name)) fail(file, `panel ${panel.id}: nothing publishes ${name}`);
    return names.length;
  }
  if (target.namespace === undefined) {
    fail(file, `panel ${panel.id} has a query of an unknown kind`);
    return 0;
  }
  const known = target.namespace === "$cost_namespace" ? costs.cloudwatch : aws[target.namespace];
  if (!known?.includes(target.metricName)) fail(file, `panel ${panel.id}: ${target.namespace} has no metric ${target.metricName}`);
  return 1;
}

const overlap = (a, b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
const present = fs.readdirSync(folder).filter((name) => name.endsWith(".json")).sort();
if (JSON.stringify(present) !== JSON.stringify(wanted)) fail("dashboards", `there are ${present.join(", ")}; the four are ${wanted.join(", ")}`);
else ok("the four dashboards are there");

// Grafana's types with each enumeration as the strings that JSON has for it.
const types = { timeseries: "Timeseries", stat: "Stat", bargauge: "BarGauge", text: "Text" };
let typed = `
import type * as cloudwatch from "@grafana/grafana-foundation-sdk/cloudwatch";
import type * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import type * as prometheus from "@grafana/grafana-foundation-sdk/prometheus";
import type * as bargauge from "@grafana/grafana-foundation-sdk/bargauge";
import type * as stat from "@grafana/grafana-foundation-sdk/stat";
import type * as text from "@grafana/grafana-foundation-sdk/text";
import type * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";
type Json<T> = 0 extends 1 & T ? any : T extends string ? \`\${T}\` : T extends number | boolean | null | undefined ? T : T extends (infer U)[] ? Json<U>[] : T extends object ? { [K in keyof T as K extends "_implementsDataqueryVariant" ? never : K]: Json<T[K]> } : T;
type Query = Json<cloudwatch.MetricsQuery> | Json<prometheus.Dataquery>;
type Of<Options, Custom> = Omit<Json<dashboard.Panel>, "targets" | "options" | "fieldConfig"> & { targets: Query[]; options: Json<Options>; fieldConfig: { defaults: Omit<Json<dashboard.FieldConfig>, "custom"> & { custom?: Json<Custom> }; overrides: [] } };
type Timeseries = Of<timeseries.Options, timeseries.FieldConfig>;
type Stat = Of<stat.Options, never>;
type BarGauge = Of<bargauge.Options, never>;
type Text = Omit<Json<dashboard.Panel>, "options"> & { options: Json<text.Options> };
type Frame = Omit<Json<dashboard.Dashboard>, "panels" | "templating">;
`;
const uids = new Set();
for (const file of present) {
  const text = fs.readFileSync(path.join(folder, file), "utf8");
  const board = JSON.parse(text);
  if (board.uid !== path.basename(file, ".json")) fail(file, `uid ${board.uid} is not the file's name`);
  if (uids.has(board.uid)) fail(file, `uid ${board.uid} is another's too`);
  uids.add(board.uid);
  if (board.id != null) fail(file, "id belongs to the Grafana that it came from");

  const ids = board.panels.map((panel) => panel.id);
  if (new Set(ids).size !== ids.length || ids.some((id) => !(id > 0))) fail(file, "ids of panels are not unique");
  const shown = board.panels;
  for (const [index, panel] of shown.entries()) {
    const place = panel.gridPos;
    if (place.x < 0 || place.x + place.w > 24 || place.h <= 0) fail(file, `panel ${panel.id} lies beside the grid`);
    for (const other of shown.slice(index + 1)) if (overlap(place, other.gridPos)) fail(file, `panels ${panel.id} and ${other.id} overlap`);
    if (panel.type === "row" || panel.type === "text") continue;
    if (!panel.fieldConfig?.defaults?.unit) fail(file, `panel ${panel.id} (${panel.title}) has no unit`);
    if (!panel.title || !panel.description) fail(file, `panel ${panel.id} has no title or no description`);
    if (!panel.datasource?.uid?.startsWith("${")) fail(file, `panel ${panel.id} names a data source instead of a variable`);
    const queries = panel.targets ?? [];
    if (queries.reduce((sum, target) => sum + metricsOf(file, panel, target), 0) === 0) fail(file, `panel ${panel.id} asks for nothing`);
    if (new Set(queries.map((target) => target.refId)).size !== queries.length) fail(file, `panel ${panel.id}: refIds are not unique`);
    // By itself, through a variable whose values it decides, or not at all where the title says so.
    const asked = JSON.stringify(queries);
    const through = board.templating.list.filter((variable) => variable.name !== "env" && JSON.stringify(variable).includes("$env")).some((variable) => asked.includes(`$${variable.name}`));
    if (!asked.includes("$env") && !through && !panel.title.includes("whole account")) fail(file, `panel ${panel.id} (${panel.title}) does not ask for the environment`);
    ok(`${file} panel ${panel.id}`);
  }
  const names = board.templating.list.map((variable) => variable.name);
  for (const name of names) if (!text.includes(`$${name}`) && !text.includes(`\${${name}}`)) fail(file, `the variable ${name} is used nowhere`);
  if (!names.includes("env")) fail(file, "there is no variable env");
  for (const [, name] of text.matchAll(/\$\{?([a-z][a-z_]*)\b/g)) if (!names.includes(name)) fail(file, `the variable ${name} is not defined`);

  // Literals, so that a property that the type does not have is an error.
  const name = path.basename(file, ".json").replaceAll("-", "_");
  const { panels, templating, ...rest } = board;
  typed += `export const ${name}: Frame = ${JSON.stringify(rest)};\n`;
  for (const panel of panels) typed += `export const ${name}_${panel.id}: ${types[panel.type] ?? "never"} = ${JSON.stringify(panel)};\n`;
  for (const variable of templating.list) typed += `export const ${name}_${variable.name}: Json<dashboard.VariableModel> = ${JSON.stringify(variable)};\n`;
}
fs.writeFileSync(path.join(scratch, "dashboards.ts"), typed);
if (failures.length > 0) {
  console.error(failures.join("\n"));
  process.exit(1);
}
