/**
 * Shows a letter's HTML without running or fetching anything of it: a fixed list of elements is rebuilt, every attribute is left
 * behind. What the browser builds here can therefore do no more than text can.
 */
import { createElement, Fragment, type ReactNode, useMemo } from 'react';
import { ScrollRegion } from './RawText';

const KEPT = new Set([
  'p',
  'div',
  'span',
  'br',
  'hr',
  'strong',
  'b',
  'em',
  'i',
  'u',
  'ul',
  'ol',
  'li',
  'blockquote',
  'dl',
  'dt',
  'dd',
  'table',
  'thead',
  'tbody',
  'tr',
  'td',
  'th',
  'code',
  'pre',
]);
const DROPPED = new Set([
  'script',
  'style',
  'head',
  'title',
  'meta',
  'link',
  'template',
  'iframe',
  'object',
  'svg',
]);
const HEADING = /^h[1-6]$/;

function rebuild(node: Node, key: number): ReactNode {
  if (node.nodeType === Node.TEXT_NODE) return node.textContent;
  if (!(node.nodeType === Node.ELEMENT_NODE)) return null;
  const name = (node as Element).tagName.toLowerCase();
  if (DROPPED.has(name)) return null;
  const children = [...node.childNodes].map(rebuild).filter((child) => child !== null);
  if (name === 'br' || name === 'hr') return createElement(name, { key });
  if (HEADING.test(name)) return createElement('p', { key, className: 'heading' }, ...children);
  if (['thead', 'tbody', 'tr', 'table', 'ul', 'ol', 'dl'].includes(name)) {
    const elements = children.filter((child) => typeof child !== 'string');
    return createElement(name, { key }, ...elements);
  }
  if (KEPT.has(name)) return createElement(name, { key }, ...children);
  return createElement(Fragment, { key }, ...children);
}

/** Styles, scripts and attributes are cut out before parsing, since even an inert parser reports them to the policy. */
export function LetterHtml({ html }: { html: string }) {
  const content = useMemo(() => {
    const bare = html
      .replace(/<(style|script)\b[\s\S]*?<\/\1\s*>/gi, '')
      .replace(/<([a-zA-Z][a-zA-Z0-9]*)\s(?:"[^"]*"|'[^']*'|[^'">])*?(\/?)>/g, '<$1$2>');
    const parsed = new DOMParser().parseFromString(bare, 'text/html');
    return [...parsed.body.childNodes].map(rebuild);
  }, [html]);
  return (
    <ScrollRegion className="letter" label="Letter as HTML">
      {content}
    </ScrollRegion>
  );
}
