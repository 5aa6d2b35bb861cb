/* Below a search result stands the article's text, not the theme's buttons around it. */
document.addEventListener("DOMContentLoaded", () => {
  if (typeof Search === "undefined") return;
  const textOf = Search.htmlToText;
  Search.htmlToText = (page, anchor) => {
    const article = new DOMParser().parseFromString(page, "text/html").querySelector("article");
    return textOf(article ? `<main role="main">${article.outerHTML}</main>` : page, anchor);
  };
});
