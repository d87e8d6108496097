import { Scanner, type Token, type TokenType } from './scanner.ts';
import { type Mark, parserFault, YamlFault } from './yaml-fault.ts';

export type YamlNode = ScalarNode | ListNode | MapNode | AliasNode;

interface NodeBase {
  /** From zero. */
  readonly line: number;
}

export interface ScalarNode extends NodeBase {
  readonly kind: 'scalar';
  readonly value: string;
  /** In full, such as `tag:yaml.org,2002:str`; empty where none is given. */
  readonly tag: string;
  /** Not quoted, so that its looks decide what it is. */
  readonly implicit: boolean;
}

export interface ListNode extends NodeBase {
  readonly kind: 'list';
  readonly items: YamlNode[];
}

export interface MapNode extends NodeBase {
  readonly kind: 'map';
  readonly entries: (readonly [YamlNode, YamlNode])[];
}

export interface AliasNode extends NodeBase {
  readonly kind: 'alias';
  readonly name: string;
  readonly target: YamlNode;
}

/**
 * The first document of a text as nodes; undefined where there is none. What follows it is not read.
 * @throws YamlFault in the words of go.yaml.in/yaml v2 (`parserc.go`, `decode.go`)
 */
export function composeYaml(bytes: Buffer): YamlNode | undefined {
  return new Composer(bytes).document();
}

const TAG_PREFIX = 'tag:yaml.org,2002:';
const contentEnds: readonly TokenType[] = ['version', 'tag-directive', 'document-start', 'document-end', 'stream-end'];

class Composer {
  readonly #scanner: Scanner;
  readonly #anchors = new Map<string, YamlNode>();
  readonly #handles = new Map<string, string>([
    ['!', '!'],
    ['!!', TAG_PREFIX],
  ]);

  constructor(bytes: Buffer) {
    this.#scanner = new Scanner(bytes);
  }

  document(): YamlNode | undefined {
    const { type } = this.#scanner.peek();
    if (type === 'stream-end') return undefined;
    const isImplicit = type !== 'version' && type !== 'tag-directive' && type !== 'document-start';
    if (!isImplicit) this.#directives();
    if (isImplicit && type === 'document-end') return this.#empty(this.#scanner.peek().start);
    const next = this.#scanner.peek();
    const root = contentEnds.includes(next.type) ? this.#empty(next.start) : this.#node(true, false);
    // The token behind the document is looked at, whatever it is.
    this.#scanner.peek();
    return root;
  }

  #directives(): void {
    const seen = new Set<string>();
    for (;;) {
      const token = this.#scanner.peek();
      if (token.type !== 'version' && token.type !== 'tag-directive') break;
      this.#scanner.take();
      if (token.type === 'version') {
        if (seen.has('')) throw parserFault('found duplicate %YAML directive', token.start);
        seen.add('');
        if (token.value !== '1.1' && token.value !== '1.2') {
          throw parserFault('found incompatible YAML document', token.start);
        }
      } else {
        if (seen.has(token.value)) throw parserFault('found duplicate %TAG directive', token.start);
        seen.add(token.value);
        this.#handles.set(token.value, token.suffix);
      }
    }
    const start = this.#scanner.peek();
    if (start.type !== 'document-start') throw parserFault('did not find expected <document start>', start.start);
    this.#scanner.take();
  }

  #empty({ line }: Mark): ScalarNode {
    return { kind: 'scalar', line, value: '', tag: '', implicit: true };
  }

  /** @param inMapping - A list may stand below its key without being indented. */
  #node(block: boolean, inMapping: boolean): YamlNode {
    const { start } = this.#scanner.peek();
    if (this.#scanner.peek().type === 'alias') return this.#alias();
    const { anchor, tag, isTagged } = this.#properties(start);
    const token = this.#scanner.peek();
    const place = { line: start.line };
    const named = <T extends YamlNode>(node: T): T => {
      if (anchor !== undefined) this.#anchors.set(anchor, node);
      return node;
    };
    if (inMapping && token.type === '-') {
      return this.#blockList(named({ kind: 'list', ...place, items: [] }), token, false);
    }
    switch (token.type) {
      case 'scalar': {
        this.#scanner.take();
        const implicit = (!isTagged && token.plain) || tag === '!';
        return named({ kind: 'scalar', ...place, value: token.value, tag: tag === '!' ? '' : tag, implicit });
      }
      case '[':
        return this.#flowList(named({ kind: 'list', ...place, items: [] }));
      case '{':
        return this.#flowMap(named({ kind: 'map', ...place, entries: [] }));
    }
    if (block && token.type === 'block-sequence') {
      this.#scanner.take();
      return this.#blockList(named({ kind: 'list', ...place, items: [] }), token, true);
    }
    if (block && token.type === 'block-mapping') return this.#blockMap(named({ kind: 'map', ...place, entries: [] }));
    if (anchor !== undefined || isTagged) {
      return named({ kind: 'scalar', ...place, value: '', tag: tag === '!' ? '' : tag, implicit: !isTagged });
    }
    throw parserFault('did not find expected node content', token.start, start);
  }

  #alias(): AliasNode {
    const { value: name, start } = this.#scanner.take();
    const target = this.#anchors.get(name);
    if (target === undefined) throw new YamlFault(`unknown anchor '${name}' referenced`);
    return { kind: 'alias', line: start.line, name, target };
  }

  #properties(start: Mark): { anchor: string | undefined; tag: string; isTagged: boolean } {
    let anchor: string | undefined;
    let tag: Token | undefined;
    for (;;) {
      const { type } = this.#scanner.peek();
      if (type === 'anchor' && anchor === undefined) anchor = this.#scanner.take().value;
      else if (type === 'tag' && tag === undefined) tag = this.#scanner.take();
      else break;
    }
    if (tag === undefined) return { anchor, tag: '', isTagged: false };
    if (tag.value === '') return { anchor, tag: tag.suffix, isTagged: true };
    const prefix = this.#handles.get(tag.value);
    if (prefix === undefined) throw parserFault('found undefined tag handle', tag.start, start);
    return { anchor, tag: prefix + tag.suffix, isTagged: true };
  }

  /** What stands behind an indicator, or nothing. */
  #inner(at: Token, ends: readonly TokenType[], block: boolean, inMapping = false): YamlNode {
    const next = this.#scanner.peek();
    return ends.includes(next.type) ? this.#empty(at.start) : this.#node(block, inMapping);
  }

  #blockList(node: ListNode, from: Token, indented: boolean): ListNode {
    const ends: readonly TokenType[] = indented ? ['-', 'block-end'] : ['-', '?', ':', 'block-end'];
    while (this.#scanner.peek().type === '-') node.items.push(this.#inner(this.#scanner.take(), ends, true));
    if (!indented) return node;
    const token = this.#scanner.peek();
    if (token.type !== 'block-end') throw parserFault("did not find expected '-' indicator", token.start, from.start);
    this.#scanner.take();
    return node;
  }

  #blockMap(node: MapNode): MapNode {
    const from = this.#scanner.take();
    const ends: readonly TokenType[] = ['?', ':', 'block-end'];
    while (this.#scanner.peek().type === '?') {
      const mark = this.#scanner.take();
      const key = this.#inner(mark, ends, true, true);
      const value =
        this.#scanner.peek().type === ':'
          ? this.#inner(this.#scanner.take(), ends, true, true)
          : this.#empty(this.#scanner.peek().start);
      node.entries.push([key, value]);
    }
    const token = this.#scanner.peek();
    if (token.type !== 'block-end') throw parserFault('did not find expected key', token.start, from.start);
    this.#scanner.take();
    return node;
  }

  #separator(isFirst: boolean, close: ']' | '}', from: Token): boolean {
    const token = this.#scanner.peek();
    if (token.type === close) return false;
    if (isFirst) return true;
    if (token.type !== ',') throw parserFault(`did not find expected ',' or '${close}'`, token.start, from.start);
    this.#scanner.take();
    return this.#scanner.peek().type !== close;
  }

  #flowList(node: ListNode): ListNode {
    const from = this.#scanner.take();
    while (this.#separator(node.items.length === 0, ']', from)) {
      const token = this.#scanner.peek();
      if (token.type !== '?') {
        node.items.push(this.#node(false, false));
        continue;
      }
      const mark = this.#scanner.take();
      const key = this.#inner(mark, [':', ',', ']'], false);
      const value = this.#flowValue(mark, [',', ']']);
      node.items.push({ kind: 'map', line: token.start.line, entries: [[key, value]] });
    }
    this.#scanner.take();
    return node;
  }

  #flowMap(node: MapNode): MapNode {
    const from = this.#scanner.take();
    while (this.#separator(node.entries.length === 0, '}', from)) {
      const token = this.#scanner.peek();
      if (token.type === '?') {
        const mark = this.#scanner.take();
        const key = this.#inner(mark, [':', ',', '}'], false);
        node.entries.push([key, this.#flowValue(mark, [',', '}'])]);
      } else {
        const key = this.#node(false, false);
        // Without a mark for its key there is no value either.
        node.entries.push([key, this.#empty(this.#scanner.peek().start)]);
      }
    }
    this.#scanner.take();
    return node;
  }

  #flowValue(at: Token, ends: readonly TokenType[]): YamlNode {
    if (this.#scanner.peek().type !== ':') return this.#empty(at.start);
    return this.#inner(this.#scanner.take(), ends, false);
  }
}
