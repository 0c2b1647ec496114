/**
 * A label and key as a name and what stands beside it in grey. `tcp/443 https` with key `tcp/443` reads `https` `tcp/443`;
 * a label that is its key, says its key already, or names an interface needs nothing beside it.
 */
export function rowName(label: string, key: string | null): { name: string; beside: string | null } {
  if (key === null || key === '' || label.toLowerCase() === key.toLowerCase() || key.includes('#') || key.includes('->'))
    return { name: label, beside: null }
  if (label.startsWith(`${key} `)) return { name: label.slice(key.length + 1), beside: key }
  return label.includes(key) ? { name: label, beside: null } : { name: label, beside: key }
}
