// Lists to choose from stay as they are while nothing in them changes: somebody may be choosing.
export function options(select, wanted) {
  if (JSON.stringify(wanted) === select.dataset.wanted) return;
  const chosen = select.value;
  select.dataset.wanted = JSON.stringify(wanted);
  select.replaceChildren(...wanted.map(([value, text]) => {
    const option = document.createElement('option');
    option.value = value;
    option.textContent = text;
    return option;
  }));
  if (wanted.some(([value]) => value === chosen)) select.value = chosen;
}
