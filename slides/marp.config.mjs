// Emoji would come from a server of others; the rest stands in theme.css.
export default {
  html: true,
  options: { emoji: { shortcode: false, unicode: false } },
}
