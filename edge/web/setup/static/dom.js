// Text from outside goes into the page here, and only as text.

export const $ = (id) => document.getElementById(id);

/** An element; properties are set (aria- and data- ones as attributes), children are elements or text. */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (/^(aria|data)-|^(role|for|scope)$/.test(name)) node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children);
  return node;
}

/** Change the text only where it differs, so that a screen reader says nothing twice. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Say something to a screen reader, whatever has the focus. */
export function announce(text) {
  const live = $("live");
  live.textContent = "";
  requestAnimationFrame(() => { live.textContent = text; });
}
