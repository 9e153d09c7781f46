/**
 * Lets a failure name the author's own line. AssemblyScript knows where a `throw` stands, but an index out of range stands in
 * its library and a refusal of the server in ours. So each of the author's statements first says where it is. Besides, keeps
 * two faults of json-as away from plugins.
 *
 * Used by the compiler, which runs in the plugin's folder: `assemblyscript` is the plugin's own, wherever this file lies.
 */

import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

// The faster ways in which json-as 1.6.0 writes text break some characters beyond U+FFFF in two.
process.env.JSON_MODE ??= "NAIVE";

const find = createRequire(join(process.cwd(), "package.json")).resolve;
const { Node, NodeKind, SourceKind } = await import(pathToFileURL(find("assemblyscript/dist/assemblyscript.js")));

export default class HolomushTransform {
  afterParse(parser) {
    const authored = parser.sources.filter(({ sourceKind }) => sourceKind <= SourceKind.UserEntry);
    this.entries = authored.filter(({ sourceKind }) => sourceKind === SourceKind.UserEntry);
    for (const source of authored) mark(source.statements, source);
  }

  afterInitialize() {
    // json-as takes a file named assembly/index for its own and makes it a library, whose functions are not exported.
    for (const source of this.entries) source.sourceKind = SourceKind.UserEntry;
  }
}

/** Puts marks into all blocks below a node; nodes that other transforms have made belong to other sources and stay as they are. */
function mark(node, source) {
  if (Array.isArray(node)) {
    for (const item of node) mark(item, source);
    return;
  }
  if (!node?.range || node.range.source !== source) return;
  for (const [key, value] of Object.entries(node)) {
    if (value && typeof value === "object" && key !== "range") mark(value, source);
  }
  if (node.kind === NodeKind.Block || node.kind === NodeKind.SwitchCase) {
    const marked = node.statements.flatMap((statement) => placed(statement, source));
    node.statements.splice(0, Infinity, ...marked);
  }
  for (const branch of BRANCHES[node.kind] ?? []) {
    const statement = node[branch];
    if (statement && statement.kind !== NodeKind.Block) {
      node[branch] = Node.createBlockStatement(placed(statement, source), statement.range);
    }
  }
}

const BRANCHES = {
  [NodeKind.If]: ["ifTrue", "ifFalse"],
  [NodeKind.For]: ["body"],
  [NodeKind.ForOf]: ["body"],
  [NodeKind.While]: ["body"],
  [NodeKind.Do]: ["body"],
};

/** A statement after the call that notes where it stands; `super` has to stay the first. */
function placed(statement, source) {
  const { range } = statement;
  const isSuper = statement.kind === NodeKind.Expression && statement.expression.expression?.kind === NodeKind.Super;
  if (range.source !== source || isSuper || statement.kind === NodeKind.Block) return [statement];
  const place = [
    Node.createStringLiteralExpression(source.normalizedPath, range),
    Node.createIntegerLiteralExpression(i64_new(source.lineAt(range.start)), range),
    Node.createIntegerLiteralExpression(i64_new(source.columnAt()), range),
  ];
  const callee = Node.createIdentifierExpression("__holomush_at", range);
  return [Node.createExpressionStatement(Node.createCallExpression(callee, null, place, range)), statement];
}
