"""Draws a résumé with Cairo: a sidebar at the right, drawn before the main text, each word placed by hand."""
import sys
import cairo

W, H = 595, 842
surface = cairo.PDFSurface(sys.argv[1], W, H)
c = cairo.Context(surface)


def text(x, y, s, size=9.5, bold=False):
    c.select_font_face("DejaVu Sans", cairo.FONT_SLANT_NORMAL,
                       cairo.FONT_WEIGHT_BOLD if bold else cairo.FONT_WEIGHT_NORMAL)
    c.set_font_size(size)
    c.move_to(x, y)
    c.show_text(s)


def column(x, y, lines, leading):
    for line in lines:
        if line.startswith("#"):
            y += 8
            text(x, y, line[1:], 11.5, True)
        elif line.startswith("*"):
            text(x, y, line[1:], 9.5, True)
        else:
            text(x, y, line)
        y += leading


column(415, 110, [
    "#Contact", "Montréal, Québec", "ines.oyelaran@example.ca", "+1 514 555 0119",
    "#Expertise", "Machine Learning", "PyTorch, JAX", "CUDA, Triton", "Ray, Kubeflow", "Feature stores",
    "#Awards", "NeurIPS Outstanding", "Reviewer 2023", "Vector Institute Fellow",
    "#Interests", "Choral singing", "Cross-country skiing",
], 15.5)
text(40, 60, "Inès Oyelaran", 24, True)
text(40, 80, "Machine Learning Engineer", 12)
column(40, 110, [
    "#Work History", "*Senior ML Engineer", "Boréal Robotics, Montréal, 2022 – present",
    "• Trained grasping policies on 800 GPUs with Ray and PyTorch.",
    "• Cut inference cost by 57% with 4-bit quantisation and Triton",
    "  kernels written by hand.", "• Introduced model cards for every release.",
    "*ML Engineer", "Saint Lawrence Insurance, Québec City, 2019 – 2022",
    "• Shipped a claims triage model used by 1,400 adjusters.",
    "• Measured and removed a bias against rural postcodes.",
    "*Data Scientist", "Maple Grocers, Toronto, 2017 – 2019",
    "• Forecast demand for 90,000 products with gradient boosting.",
    "#Education", "MSc Statistics, McGill University, 2017", "BSc Mathematics, University of Ibadan, 2014",
    "#Publications", "“Small models that listen”, ICML Workshop 2024",
], 13.2)
surface.finish()
